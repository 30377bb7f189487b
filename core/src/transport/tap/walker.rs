const HEAD: usize = 9;
/// GOAWAY: its fixed part and the debug data that is kept.
const MAX_CONTROL: usize = 8 + 1024;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;

/// The head of a frame (RFC 9113 section 4.1).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head {
    pub(crate) len: u32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    fn parse(b: [u8; HEAD]) -> Head {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = b;
        Head {
            len: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        }
    }

    fn is_control(&self) -> bool {
        self.kind == GOAWAY || (self.kind == SETTINGS && self.flags & ACK == 0)
    }
}

#[derive(Debug)]
pub(crate) enum Step<'a> {
    Head(Head),
    /// Of SETTINGS (not its ACK) and GOAWAY only: whole, or cut after the first 1032 bytes.
    Payload(Head, &'a [u8]),
}

/// Steps from frame to frame through the bytes of one direction, however they are cut, and copies next to nothing.
#[derive(Debug, Default)]
pub(crate) struct Walker {
    head: [u8; HEAD],
    have: usize,
    left: u32,
    control: Option<(Head, Vec<u8>)>,
}

impl Walker {
    /// Skips `bytes` that are no frame: the client's preface.
    pub(crate) fn after(bytes: u32) -> Walker {
        Walker { left: bytes, ..Walker::default() }
    }

    /// The bytes so far end inside a frame.
    pub(crate) fn inside(&self) -> bool {
        self.have > 0 || self.left > 0
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut see: impl FnMut(Step<'_>)) {
        loop {
            if self.left > 0 || self.control.is_some() {
                bytes = self.payload(bytes, &mut see);
                if self.left > 0 {
                    return;
                }
            }
            let Some(head) = self.next_head(&mut bytes) else { return };
            see(Step::Head(head));
            self.left = head.len;
            if head.is_control() {
                self.control = Some((head, Vec::new()));
            }
        }
    }

    fn payload<'a>(&mut self, bytes: &'a [u8], see: &mut impl FnMut(Step<'_>)) -> &'a [u8] {
        let (part, rest) = bytes.split_at(bytes.len().min(self.left as usize));
        self.left -= part.len() as u32;
        if let Some((head, kept)) = &mut self.control {
            kept.extend(part.iter().take(MAX_CONTROL - kept.len()));
            if self.left == 0 {
                see(Step::Payload(*head, kept));
                self.control = None;
            }
        }
        rest
    }

    fn next_head(&mut self, bytes: &mut &[u8]) -> Option<Head> {
        if self.have == 0
            && let Some((head, rest)) = bytes.split_first_chunk::<HEAD>()
        {
            *bytes = rest;
            return Some(Head::parse(*head));
        }
        let (part, rest) = bytes.split_at(bytes.len().min(HEAD - self.have));
        self.head.iter_mut().skip(self.have).zip(part).for_each(|(to, from)| *to = *from);
        self.have += part.len();
        *bytes = rest;
        if self.have < HEAD {
            return None;
        }
        self.have = 0;
        Some(Head::parse(self.head))
    }
}
