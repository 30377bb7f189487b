//! Bytes on their way to Swift, past UniFFI's loop over the elements of a `Vec<u8>`.
use crate::UniFfiTag;
use std::mem::ManuallyDrop;
use uniffi::{Lower, MetadataBuffer, RustBuffer, TypeId, derive_ffi_traits, metadata::codes};

/// Room for UniFFI's length at the start of a buffer.
const LENGTH: usize = 4;

/// A buffer that is already in the form that crosses: it moves into the `RustBuffer` without a copy, and the facade
/// reads it in place. In the generated code its type is `Data`.
#[derive(Debug)]
pub struct Packed(Vec<u8>);

impl Packed {
    /// An empty buffer, to be filled and then given to [`Packed::new`].
    pub(crate) fn start() -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(&[0; LENGTH]);
        bytes
    }

    /// `bytes` came from [`Packed::start`].
    pub(crate) fn new(mut bytes: Vec<u8>) -> Self {
        let length = i32::try_from(bytes.len().saturating_sub(LENGTH)).unwrap_or(i32::MAX);
        if let Some(head) = bytes.first_chunk_mut::<LENGTH>() {
            *head = length.to_be_bytes();
        }
        Packed(bytes)
    }
}

// SAFETY: what is written is what UniFFI writes for `Vec<u8>`, a big-endian i32 length and the bytes, and the type is
// declared as such below.
unsafe impl Lower<UniFfiTag> for Packed {
    type FfiType = RustBuffer;

    fn write(packed: Self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&packed.0);
    }

    fn lower(packed: Self) -> RustBuffer {
        RustBuffer::from_vec(packed.0)
    }
}

impl TypeId<UniFfiTag> for Packed {
    const TYPE_ID_META: MetadataBuffer =
        MetadataBuffer::from_code(codes::TYPE_VEC).concat(<u8 as TypeId<UniFfiTag>>::TYPE_ID_META);
}

derive_ffi_traits!(impl LowerReturn<UniFfiTag> for Packed);

/// Hands a vector over by reference: address, length, capacity. It is the facade's until [`causewire_swift_free`].
pub(crate) fn lend(bytes: Vec<u8>) -> [u64; 3] {
    let mut bytes = ManuallyDrop::new(bytes);
    [bytes.as_mut_ptr() as u64, bytes.len() as u64, bytes.capacity() as u64]
}

/// Frees what [`lend`] gave away.
///
/// # Safety
/// The three values are those of one `lend`, and nothing uses the bytes any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn causewire_swift_free(pointer: *mut u8, length: usize, capacity: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Vec::from_raw_parts(pointer, length, capacity) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_buffer_begins_with_its_length() {
        let mut bytes = Packed::start();
        bytes.extend_from_slice(b"abc");
        assert_eq!(Packed::new(bytes).0, b"\0\0\0\x03abc");
    }

    #[test]
    fn what_is_lent_comes_back_whole() {
        let [pointer, length, capacity] = lend(b"abc".to_vec());
        let pointer = pointer as usize as *mut u8;
        // SAFETY: lent just now.
        assert_eq!(unsafe { std::slice::from_raw_parts(pointer, length as usize) }, b"abc");
        // SAFETY: as above, and not used again.
        unsafe { causewire_swift_free(pointer, length as usize, capacity as usize) };
    }
}
