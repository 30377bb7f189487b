//! How much a client lets us send (RFC 9113 section 5.2).
use std::collections::HashMap;

/// Both windows before anybody has changed them.
const DEFAULT: i64 = 65_535;
const INITIAL_WINDOW_SIZE: u16 = 4;

#[derive(Debug)]
pub(crate) struct Windows {
    connection: i64,
    initial: i64,
    /// By stream, relative to `initial`: a change of that one changes all.
    streams: HashMap<u32, i64>,
}

impl Default for Windows {
    fn default() -> Self {
        Windows { connection: DEFAULT, initial: DEFAULT, streams: HashMap::new() }
    }
}

impl Windows {
    /// The payload of a SETTINGS frame.
    pub(crate) fn settings(&mut self, payload: &[u8]) {
        for entry in payload.chunks_exact(6) {
            if entry[..2] == INITIAL_WINDOW_SIZE.to_be_bytes() {
                self.initial = number(&entry[2..]);
            }
        }
    }

    /// The payload of a WINDOW_UPDATE frame.
    pub(crate) fn update(&mut self, stream: u32, payload: &[u8]) {
        let add = number(payload) & 0x7fff_ffff;
        match stream {
            0 => self.connection += add,
            stream => *self.streams.entry(stream).or_default() += add,
        }
    }

    /// Takes this much from both windows, or nothing.
    pub(crate) fn take(&mut self, stream: u32, bytes: usize) -> bool {
        let bytes = bytes as i64;
        let stream = self.streams.entry(stream).or_default();
        let room = bytes <= self.connection && bytes <= self.initial + *stream;
        if room {
            self.connection -= bytes;
            *stream -= bytes;
        }
        room
    }
}

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().take(4).fold(0, |sum, byte| sum << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_windows_bound_a_stream() {
        let mut windows = Windows::default();
        windows.settings(&[0, 1, 0, 0, 0, 9, 0, 4, 0, 0, 0, 100]);
        assert!(windows.take(1, 100) && !windows.take(1, 1) && windows.take(3, 100));
        windows.update(1, &[0, 0, 0, 1]);
        assert!(windows.take(1, 1) && !windows.take(1, 1));
        windows.settings(&[0, 4, 0, 1, 0, 0]);
        assert!(windows.take(1, 65_000) && !windows.take(3, 400), "the connection's is used up");
        windows.update(0, &[0x80, 0, 1, 0]);
        assert!(windows.take(3, 400));
    }
}
