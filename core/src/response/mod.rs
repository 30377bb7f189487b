//! Reads one response: `Headers? Message* Trailers`, checked frame by frame, limits before a byte is kept. Calls and health
//! checks have no other reader.
use crate::{
    compress::{self, Compression},
    failure::{Evidence, MessageProblem, Reached},
    status::{Code, Decoded, Head, decode},
    transport::{Message, RecvHalf, StreamFault, framing::Deframer, framing::Frame},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header::CONTENT_LENGTH};
use std::task::{Context, Poll, ready};

/// The next part of a response.
pub(crate) enum Received {
    /// Response headers; never for Trailers-Only.
    Headers(HeaderMap),
    Message(Message),
    /// The end: a status and the trailers it stood in.
    End(Decoded, HeaderMap),
}

/// Why a response could not be read to its end.
pub(crate) enum Broken {
    Transport(StreamFault),
    /// The peer's answer is not a gRPC response, or is over a limit of ours.
    Response(Evidence, Reached),
}

/// Reads from one stream.
pub(crate) struct Reader {
    half: RecvHalf,
    state: State,
    deframer: Deframer,
    encoding: Encoding,
    http: StatusCode,
    limit: usize,
}

enum State {
    Head,
    /// The head has a status and was not the end of the stream. It is Trailers-Only if nothing follows but that end.
    Undecided(Box<HeaderMap>),
    Body,
    Trailers,
}

/// What `grpc-encoding` of the response said.
enum Encoding {
    Absent,
    Known(Compression),
    Unknown,
}

impl Reader {
    pub(crate) fn new(half: RecvHalf, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Reader {
            half,
            state: State::Head,
            deframer: Deframer::new(limit),
            encoding: Encoding::Absent,
            http: StatusCode::OK,
            limit,
        }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Broken>> {
        loop {
            match self.state {
                State::Head => {
                    if let Some(received) = ready!(self.poll_head(cx))? {
                        return Poll::Ready(Ok(received));
                    }
                }
                State::Undecided(_) => return self.poll_undecided(cx),
                State::Body => {
                    if let Some(frame) = self.deframer.next().map_err(|evidence| unreadable(*evidence))? {
                        return Poll::Ready(self.message(frame).map(Received::Message).map_err(unreadable));
                    }
                    match ready!(self.half.poll_data(cx)) {
                        Some(data) => self.push(data)?,
                        None => self.state = State::Trailers,
                    }
                }
                State::Trailers => return self.poll_trailers(cx),
            }
        }
    }

    /// `None`: what follows decides.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Received>, Broken>> {
        let parts = ready!(self.half.poll_head(cx)).map_err(Broken::Transport)?;
        let headers = parts.headers;
        self.http = parts.status;
        Poll::Ready(match decode::response(parts.status, &headers, self.half.is_end_stream()) {
            Head::Grpc if headers.contains_key(&STATUS) => {
                self.state = State::Undecided(Box::new(headers));
                Ok(None)
            }
            Head::Grpc => Ok(Some(self.headers(headers))),
            Head::TrailersOnly(decoded) => ended(decoded, headers).map(Some),
            // Its body is not waited for: it may never end, and what it says is nobody's business.
            Head::NotGrpc(foreign) => Err(unreadable(foreign.finish(length(&headers)))),
        })
    }

    fn poll_undecided(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Broken>> {
        let data = ready!(self.half.poll_data(cx));
        let trailers = match data {
            Some(_) => None,
            None => ready!(self.half.poll_trailers(cx)).map_err(Broken::Transport)?,
        };
        let head = match std::mem::replace(&mut self.state, State::Trailers) {
            State::Undecided(head) => *head,
            _ => HeaderMap::new(),
        };
        Poll::Ready(match (data, trailers) {
            (Some(data), _) => self.push(data).map(|()| self.headers(head)),
            // Between a head with a status and trailers with one there was no message: the later one counts.
            (None, Some(trailers)) => ended(decode::trailers(Some(&trailers), self.http), trailers),
            (None, None) => ended(decode::trailers(Some(&head), self.http), head),
        })
    }

    fn headers(&mut self, headers: HeaderMap) -> Received {
        self.encoding = encoding(&headers);
        self.state = State::Body;
        Received::Headers(headers)
    }

    fn push(&mut self, data: Result<Bytes, StreamFault>) -> Result<(), Broken> {
        let data = data.map_err(Broken::Transport)?;
        // What is kept is bounded by the message limit and the reader's allowance, not by the window: a message may be
        // larger than that.
        self.half.release(data.len());
        self.deframer.push(data);
        Ok(())
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Broken>> {
        let trailers = ready!(self.half.poll_trailers(cx)).map_err(Broken::Transport)?;
        let decoded = match decode::trailers(trailers.as_ref(), self.http) {
            Ok(decoded) => decoded,
            Err(evidence) => return Poll::Ready(Err(self.truncated().unwrap_or_else(|| unreadable(evidence)))),
        };
        // a cut message under an error status is the error's doing
        match self.truncated() {
            Some(broken) if decoded.code == Code::Ok => Poll::Ready(Err(broken)),
            _ => Poll::Ready(Ok(Received::End(decoded, trailers.unwrap_or_default()))),
        }
    }

    fn truncated(&self) -> Option<Broken> {
        let cut = self.deframer.truncated();
        cut.then(|| unreadable(problem(MessageProblem::Truncated)))
    }

    fn message(&self, frame: Frame) -> Result<Message, Evidence> {
        if !frame.compressed {
            return Ok(frame.message);
        }
        let algorithm = match self.encoding {
            Encoding::Known(algorithm) => algorithm,
            Encoding::Absent => return Err(problem(MessageProblem::CompressedWithoutEncoding)),
            Encoding::Unknown => return Err(problem(MessageProblem::UnknownEncoding)),
        };
        let plain = compress::decompress(algorithm, frame.message.into_bytes(), self.limit);
        plain.map(Message::from).map_err(|error| error.evidence(self.limit, "max_receive_message_bytes"))
    }
}

fn ended(decoded: Result<Decoded, Evidence>, trailers: HeaderMap) -> Result<Received, Broken> {
    decoded.map(|decoded| Received::End(decoded, trailers)).map_err(unreadable)
}

/// A gRPC server that answers has seen the request; of what else answers nobody can tell what stood behind it.
fn unreadable(evidence: Evidence) -> Broken {
    let foreign = matches!(evidence, Evidence::Http { .. } | Evidence::NotGrpc { .. });
    Broken::Response(evidence, if foreign { Reached::Maybe } else { Reached::Yes })
}

fn problem(problem: MessageProblem) -> Evidence {
    Evidence::Message { problem }
}

static STATUS: HeaderName = HeaderName::from_static("grpc-status");
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

fn encoding(headers: &HeaderMap) -> Encoding {
    match headers.get(&ENCODING).map(|v| v.as_bytes()) {
        None => Encoding::Absent,
        Some(name) => match std::str::from_utf8(name).ok().and_then(Compression::parse) {
            // identity with the compressed flag set is as good as no encoding
            Some(Compression::Identity) => Encoding::Absent,
            Some(algorithm) => Encoding::Known(algorithm),
            None => Encoding::Unknown,
        },
    }
}

/// What an HTTP peer says of its body's length; 0 if it does not.
fn length(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok()).unwrap_or(0)
}
