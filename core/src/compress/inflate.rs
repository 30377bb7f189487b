//! Decoders that stop at the limit.
use std::io::Read;

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

use super::Compression;
use crate::failure::{Evidence, MessageProblem, Sized};

/// The first guess at a message's size, and the least by which the buffer grows.
const CHUNK: usize = 8 * 1024;

/// The largest zstd window that is accepted, as RFC 8878 section 3.1.1.1.2 recommends: 8 MiB.
#[cfg(feature = "zstd")]
const MAX_WINDOW_LOG: u32 = 23;

/// Why a message could not be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecompressError {
    /// The bytes are not of the algorithm, or are cut off.
    Corrupt,
    /// The message is larger than the limit.
    TooLarge,
}

impl DecompressError {
    /// MESSAGE_MALFORMED or RESPONSE_TOO_LARGE. The size of a message that is too large is at least `limit + 1`; more is not
    /// known, because decompression stopped there.
    pub fn evidence(self, limit: usize, option: &'static str) -> Evidence {
        match self {
            Self::Corrupt => Evidence::Message { problem: MessageProblem::Decompress },
            Self::TooLarge => {
                let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                Evidence::ResponseTooLarge { what: Sized::Decompressed, actual: limit.saturating_add(1), limit, option }
            }
        }
    }
}

/// Decompresses one message, which may lie in several pieces, to at most `limit` bytes.
///
/// # Errors
/// [`DecompressError`]; nothing of the message is kept.
pub fn decompress(algorithm: Compression, message: impl Buf, limit: usize) -> Result<Bytes, DecompressError> {
    match algorithm {
        Compression::Identity => copy(message, limit),
        Compression::Gzip => read(flate2::bufread::MultiGzDecoder::new(message.reader()), limit),
        Compression::Deflate => zlib(message, limit),
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd(message, limit),
    }
}

fn copy(mut message: impl Buf, limit: usize) -> Result<Bytes, DecompressError> {
    let length = message.remaining();
    if length > limit { Err(DecompressError::TooLarge) } else { Ok(message.copy_to_bytes(length)) }
}

fn read(mut decoder: impl Read, limit: usize) -> Result<Bytes, DecompressError> {
    let mut output = Output::new(limit);
    loop {
        let space = output.space()?;
        match decoder.read(space) {
            Ok(0) => return output.finish(),
            Ok(count) => output.filled(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(DecompressError::Corrupt),
        }
    }
}

/// Drives zlib by hand: flate2's reader takes a stream that is cut off for one that ended.
fn zlib(mut message: impl Buf, limit: usize) -> Result<Bytes, DecompressError> {
    let mut state = Decompress::new(true);
    let mut output = Output::new(limit);
    loop {
        let (in_before, out_before) = (state.total_in(), state.total_out());
        let space = output.space()?;
        let status =
            state.decompress(message.chunk(), space, FlushDecompress::None).map_err(|_| DecompressError::Corrupt)?;
        let consumed = usize::try_from(state.total_in() - in_before).unwrap_or(usize::MAX);
        let produced = usize::try_from(state.total_out() - out_before).unwrap_or(usize::MAX);
        message.advance(consumed.min(message.remaining()));
        output.filled(produced);
        match status {
            Status::StreamEnd if message.has_remaining() => return Err(DecompressError::Corrupt),
            Status::StreamEnd => return output.finish(),
            _ if consumed == 0 && produced == 0 => return Err(DecompressError::Corrupt),
            _ => {}
        }
    }
}

#[cfg(feature = "zstd")]
fn zstd(message: impl Buf, limit: usize) -> Result<Bytes, DecompressError> {
    let mut decoder =
        ::zstd::stream::read::Decoder::with_buffer(message.reader()).map_err(|_| DecompressError::Corrupt)?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(|_| DecompressError::Corrupt)?;
    read(decoder, limit)
}

/// A buffer that holds at most `limit` bytes and one more, by which too much is noticed.
struct Output {
    bytes: Vec<u8>,
    length: usize,
    limit: usize,
}

impl Output {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), length: 0, limit }
    }

    /// Room for at least one more byte.
    fn space(&mut self) -> Result<&mut [u8], DecompressError> {
        if self.length > self.limit {
            return Err(DecompressError::TooLarge);
        }
        if self.length == self.bytes.len() {
            let grown = (self.length.saturating_mul(2)).max(CHUNK).min(self.limit.saturating_add(1));
            self.bytes.reserve_exact(grown - self.length);
            self.bytes.resize(grown, 0);
        }
        self.bytes.get_mut(self.length..).ok_or(DecompressError::Corrupt)
    }

    fn filled(&mut self, count: usize) {
        self.length = self.length.saturating_add(count).min(self.bytes.len());
    }

    fn finish(mut self) -> Result<Bytes, DecompressError> {
        if self.length > self.limit {
            return Err(DecompressError::TooLarge);
        }
        self.bytes.truncate(self.length);
        Ok(self.bytes.into())
    }
}
