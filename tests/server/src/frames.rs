//! HTTP/2 frames, written by hand (RFC 9113). HPACK as literals without indexing and without Huffman.

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const PADDED: u8 = 8;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const HEAD: usize = 9;
/// The largest frame that every peer takes.
pub const MAX_FRAME: usize = 16_384;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl FrameHead {
    pub fn parse(head: &[u8; HEAD]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *head;
        FrameHead {
            length: u32::from_be_bytes([0, l0, l1, l2]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        }
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        values.iter().flat_map(|(id, v)| id.to_be_bytes().into_iter().chain(v.to_be_bytes())).collect();
    frame(SETTINGS, 0, 0, &payload)
}

pub fn goaway(last: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &code.to_be_bytes(), debug].concat())
}

pub fn rst(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

pub fn window(stream: u32, add: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &add.to_be_bytes())
}

pub fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return frame(DATA, flags, stream, &[]);
    }
    let last = (bytes.len() - 1) / MAX_FRAME;
    let part = |(n, chunk)| frame(DATA, if n == last { flags } else { 0 }, stream, chunk);
    bytes.chunks(MAX_FRAME).enumerate().flat_map(part).collect()
}

/// One DATA frame with this many bytes of padding.
pub fn padded(stream: u32, bytes: &[u8], padding: u8) -> Vec<u8> {
    frame(DATA, PADDED, stream, &[&[padding][..], bytes, &vec![0; padding.into()]].concat())
}

/// HEADERS and as many CONTINUATION frames as the block needs.
pub fn headers(stream: u32, flags: u8, fields: &[(String, Vec<u8>)]) -> Vec<u8> {
    let block = hpack(fields);
    let last = block.len().saturating_sub(1) / MAX_FRAME;
    let part = |(n, chunk): (usize, &[u8])| {
        let kind = if n == 0 { HEADERS } else { CONTINUATION };
        let end = if n == last { END_HEADERS } else { 0 };
        frame(kind, end | if n == 0 { flags } else { 0 }, stream, chunk)
    };
    block.chunks(MAX_FRAME).enumerate().flat_map(part).collect()
}

pub fn hpack(fields: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![];
    for (name, value) in fields {
        out.push(0);
        integer(&mut out, name.len());
        out.extend(name.as_bytes());
        integer(&mut out, value.len());
        out.extend(value);
    }
    out
}

/// An integer with a 7-bit prefix (RFC 7541 section 5.1).
fn integer(out: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        return out.push(value as u8);
    }
    out.push(127);
    value -= 127;
    while value >= 128 {
        out.push((value % 128 + 128) as u8);
        value /= 128;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_header_block_continues() {
        let bytes = headers(1, END_STREAM, &[("x".into(), vec![b'a'; MAX_FRAME])]);
        let first = FrameHead::parse(bytes[..HEAD].try_into().unwrap());
        assert_eq!(first, FrameHead { length: MAX_FRAME, kind: HEADERS, flags: END_STREAM, stream: 1 });
        let second = FrameHead::parse(bytes[HEAD + MAX_FRAME..][..HEAD].try_into().unwrap());
        assert_eq!((second.kind, second.flags), (CONTINUATION, END_HEADERS));
    }

    #[test]
    fn only_the_last_data_frame_ends_the_stream() {
        let bytes = data(3, END_STREAM, &vec![0; MAX_FRAME + 1]);
        assert_eq!(FrameHead::parse(bytes[..HEAD].try_into().unwrap()).flags, 0);
        assert_eq!(FrameHead::parse(bytes[HEAD + MAX_FRAME..][..HEAD].try_into().unwrap()).flags, END_STREAM);
    }
}
