//! How each cause is proven: from h2's error by its kind and number, and from what the tap saw. No text is read.
use super::{
    state::State,
    tap::{LocalEnd, Seen},
    tls,
};
use crate::failure::{
    Reached,
    evidence::{Evidence, Loss, Sized, Unusable},
};
use std::io::ErrorKind;

const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;
pub(super) const METADATA_OPTION: &str = "max_metadata_bytes";

/// Why a call's stream failed.
#[derive(Clone, Debug)]
pub(crate) struct StreamFault {
    pub(crate) evidence: Box<Evidence>,
    pub(crate) reached: Reached,
}

impl StreamFault {
    pub(super) fn new(evidence: Evidence, reached: Reached) -> StreamFault {
        StreamFault { evidence: Box::new(evidence), reached }
    }
}

/// The stream is failed, so `may_have_left` is final.
pub(super) fn of_stream(state: &State, error: &h2::Error, stream: u32, headers: bool) -> StreamFault {
    let seen = state.wire.seen();
    let left = state.wire.may_have_left(stream);
    let reached = match (headers, left) {
        (true, _) => Reached::Yes,
        (false, true) => Reached::Maybe,
        (false, false) => Reached::No,
    };
    let code = error.reason().map_or(0, u32::from);
    if error.is_reset() && error.is_remote() {
        let refused = code == REFUSED_STREAM && reached == Reached::Maybe;
        return StreamFault::new(Evidence::Reset { code }, if refused { Reached::Unprocessed } else { reached });
    }
    if error.is_reset() {
        let own_block = seen.largest_block.0 == stream;
        return StreamFault::new(broken_rules(state, &seen, code, own_block), Reached::Yes);
    }
    if error.is_go_away() && error.is_remote() {
        let unprocessed = if reached == Reached::Maybe { Reached::Unprocessed } else { reached };
        return StreamFault::new(goaway(state, &seen, Some(code), true), unprocessed);
    }
    if error.is_go_away() {
        return StreamFault::new(broken_rules(state, &seen, code, code == ENHANCE_YOUR_CALM), reached);
    }
    if error.is_io() || seen.ended() || seen.local_end.is_some() {
        return StreamFault::new(ended(state, &seen), reached);
    }
    StreamFault::new(Evidence::Core { site: "transport.stream" }, reached)
}

/// A call that got no stream: it is safe to pick again.
pub(super) fn of_opening(state: &State, error: Option<&h2::Error>) -> StreamFault {
    let seen = state.wire.seen();
    let evidence = match (state.end(), error) {
        (Some(end), _) => end.clone(),
        (None, Some(error)) if !error.is_go_away() && !error.is_io() && !seen.ended() => {
            Evidence::Core { site: "transport.open" }
        }
        _ if seen.local_end.is_some() || (seen.ended() && seen.last_goaway.is_none()) => ended(state, &seen),
        _ => goaway(state, &seen, None, true),
    };
    StreamFault::new(evidence, Reached::No)
}

/// Why the peer wants no more calls, if it said so.
pub(super) fn of_drain(state: &State) -> Option<Evidence> {
    let seen = state.wire.seen();
    seen.last_goaway.is_some().then(|| goaway(state, &seen, None, false))
}

/// How the connection as a whole ended.
pub(super) fn of_connection(state: &State, error: Option<&h2::Error>) -> Evidence {
    let seen = state.wire.seen();
    match error {
        Some(error) if error.is_go_away() && error.is_library() && seen.local_end.is_none() => {
            let code = error.reason().map_or(0, u32::from);
            broken_rules(state, &seen, code, code == ENHANCE_YOUR_CALM)
        }
        None if !seen.ended() && seen.local_end.is_none() && seen.last_goaway.is_none() => {
            Evidence::Unusable { why: Unusable::Closed } // every handle was dropped
        }
        _ => ended(state, &seen),
    }
}

/// Before SETTINGS: what came instead, or how it ended.
pub(super) fn of_settings(
    wire: &super::tap::Wire,
    error: Option<&h2::Error>,
    address: &str,
    tls: Option<&tls::Facts>,
) -> Evidence {
    let seen = wire.seen();
    let address = || address.to_owned();
    if let Some(speaks) = seen.not_http2 {
        return Evidence::NotHttp2 { address: address(), speaks };
    }
    if let Some(alert) = tls.and_then(|tls| tls.alert(&seen)) {
        return alert;
    }
    if let Some(goaway) = &seen.last_goaway {
        return Evidence::GoAway {
            code: goaway.code,
            last_stream: goaway.last_stream,
            debug: goaway.debug.clone(),
            unprocessed: true,
            pings: None,
        };
    }
    if !seen.first_bytes.is_empty() {
        return Evidence::NotHttp2 { address: address(), speaks: super::tap::speaks(&seen.first_bytes) };
    }
    if let Some(error) = error.filter(|error| error.is_library()) {
        let code = error.reason().map_or(0, u32::from);
        return Evidence::Violation { what: violation(code), code, opening: true };
    }
    Evidence::ClosedEarly { address: address(), errno: seen.errors().find_map(|error| error.raw_os_error()) }
}

fn ended(state: &State, seen: &Seen) -> Evidence {
    match seen.local_end {
        Some(LocalEnd::Closed) => return Evidence::Unusable { why: Unusable::Closed },
        Some(LocalEnd::Panicked { site }) => return Evidence::Core { site },
        Some(LocalEnd::Keepalive { waited }) => {
            return Evidence::Keepalive { address: state.address.to_string(), waited };
        }
        None => {}
    }
    if seen.last_goaway.is_some() {
        return goaway(state, seen, None, false);
    }
    if let Some(alert) = state.tls.as_ref().and_then(|tls| tls.alert(seen)) {
        return alert;
    }
    lost(state, seen)
}

fn lost(state: &State, seen: &Seen) -> Evidence {
    let reset =
        |kind| matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted);
    let (how, error) = if let Some(error) = seen.errors().find(|error| reset(error.kind())) {
        (Loss::Reset, Some(error))
    } else if let Some(error) = seen.errors().find(|error| error.kind() != ErrorKind::UnexpectedEof) {
        (Loss::Other, Some(error))
    } else {
        (Loss::Eof, None)
    };
    Evidence::Lost { address: state.address.to_string(), how, errno: error.and_then(|error| error.raw_os_error()) }
}

fn goaway(state: &State, seen: &Seen, code: Option<u32>, unprocessed: bool) -> Evidence {
    let (last_stream, seen_code, debug) = match &seen.last_goaway {
        Some(goaway) => (goaway.last_stream, goaway.code, goaway.debug.clone()),
        None => (0, 0, Vec::new()),
    };
    let code = code.unwrap_or(seen_code);
    // gRPC servers mean pings, h2 and hyper servers mean resets.
    let too_many_pings = code == ENHANCE_YOUR_CALM && state.wire.pings_out() > 0 && state.wire.resets_out() == 0;
    let pings = state.keepalive.filter(|_| too_many_pings).map(|rule| rule.time);
    Evidence::GoAway { code, last_stream, debug, unprocessed, pings }
}

fn broken_rules(state: &State, seen: &Seen, code: u32, block_counts: bool) -> Evidence {
    let limit = state.limits.max_metadata_bytes;
    let block = u64::from(seen.largest_block.1);
    if block_counts && block >= limit as u64 {
        return Evidence::ResponseTooLarge {
            what: Sized::Metadata,
            actual: block,
            limit: limit as u64,
            option: METADATA_OPTION,
        };
    }
    Evidence::Violation { what: violation(code), code, opening: false }
}

/// RFC 9113 section 7, in words.
fn violation(code: u32) -> &'static str {
    match code {
        1 => "a frame that is not allowed there, or a malformed header block",
        3 => "more data than the flow-control window allows",
        5 => "a frame on a closed stream",
        6 => "a frame of invalid size",
        9 => "a header block that cannot be decompressed",
        11 => "a flood of frames",
        _ => "a protocol error",
    }
}
