//! A program uses few keys and each of them in every call, so the latest are remembered as they are on the wire.
use super::{MetadataFault, validate};
use http::HeaderName;
use std::cell::RefCell;

/// Keys remembered per thread.
const KEPT: usize = 32;
/// A longer key is read anew each time: what is remembered stays small.
const LONGEST: usize = 64;

thread_local! {
    static NAMES: RefCell<[Option<HeaderName>; KEPT]> = const { RefCell::new([const { None }; KEPT]) };
}

/// The validated name of a key.
pub(super) fn name(key: &str) -> Result<HeaderName, MetadataFault> {
    let place = place(key);
    if let Some(known) = recall(place, key) {
        return Ok(known);
    }
    let name = validate::key(key)?;
    if name.as_str().len() <= LONGEST {
        remember(place, &name);
    }
    Ok(name)
}

// A thread that ends has forgotten, which only costs the way around.

fn recall(place: usize, key: &str) -> Option<HeaderName> {
    let known =
        NAMES.try_with(|names| names.borrow().get(place)?.as_ref().filter(|name| name.as_str() == key).cloned());
    known.ok().flatten()
}

fn remember(place: usize, name: &HeaderName) {
    let _ = NAMES.try_with(|names| {
        if let Some(slot) = names.borrow_mut().get_mut(place) {
            *slot = Some(name.clone());
        }
    });
}

/// FNV-1a, and keys that meet take each other's place.
fn place(key: &str) -> usize {
    let hash = key.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash as usize % KEPT
}
