use super::walker::{ACK, GOAWAY, SETTINGS};
use crate::failure::evidence::Speaks;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    NeedMore,
    Http2,
    Not(Speaks),
}

/// A server opens with SETTINGS that are no ACK (RFC 9113 section 3.4). GOAWAY is accepted too: some refuse that way.
pub(crate) fn opening(bytes: &[u8]) -> Opening {
    match bytes {
        [_, _, _, SETTINGS, flags, ..] if flags & ACK == 0 => Opening::Http2,
        [0, _, _, GOAWAY, 0, ..] => Opening::Http2,
        [_, _, _, _, _, ..] => Opening::Not(speaks(bytes)),
        _ => Opening::NeedMore,
    }
}

/// What the first bytes of a peer look like; good for few bytes too, when it closed or went silent after them.
pub(crate) fn speaks(bytes: &[u8]) -> Speaks {
    match bytes {
        [b'H', b'T', b'T', ..] => Speaks::Http1,
        [0x14..=0x17, 3, ..] => Speaks::Tls,
        [b'S', b'S', b'H', b'-', ..] => Speaks::Ssh,
        [0, _, _, SETTINGS | GOAWAY, 0, ..] => Speaks::Http2,
        _ => Speaks::Unknown,
    }
}
