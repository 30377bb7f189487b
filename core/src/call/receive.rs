//! Reads one response: `Headers? Message* Trailers`, checked frame by frame, limits before a byte is kept.
use crate::{
    compress::{self, Compression},
    failure::{Evidence, MessageProblem, Reached},
    status::{Code, Decoded, Head, decode},
    transport::{Message, RecvHalf, StreamFault, framing::Deframer, framing::Frame},
};
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
pub(crate) struct Receiver {
    half: RecvHalf,
    state: State,
    deframer: Deframer,
    encoding: Encoding,
    http: StatusCode,
    limit: usize,
}

enum State {
    Head,
    Body,
    Trailers,
}

/// What `grpc-encoding` of the response said.
enum Encoding {
    Absent,
    Known(Compression),
    Unknown,
}

impl Receiver {
    pub(crate) fn new(half: RecvHalf, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Receiver {
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
                State::Head => match ready!(self.poll_head(cx))? {
                    Some(received) => return Poll::Ready(Ok(received)),
                    None => self.state = State::Body,
                },
                State::Body => {
                    if let Some(frame) = self.deframer.next().map_err(|evidence| response(*evidence))? {
                        return Poll::Ready(self.message(frame).map(Received::Message).map_err(response));
                    }
                    match ready!(self.half.poll_data(cx)) {
                        Some(data) => {
                            let data = data.map_err(Broken::Transport)?;
                            // What is kept is bounded by the message limit and the reader's allowance, not by the
                            // window: a message may be larger than that.
                            self.half.release(data.len());
                            self.deframer.push(data);
                        }
                        None => self.state = State::Trailers,
                    }
                }
                State::Trailers => return self.poll_trailers(cx),
            }
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Received>, Broken>> {
        let parts = ready!(self.half.poll_head(cx)).map_err(Broken::Transport)?;
        let headers = parts.headers;
        self.http = parts.status;
        Poll::Ready(match decode::response(parts.status, &headers, self.half.is_end_stream()) {
            Head::Grpc => {
                self.encoding = encoding(&headers);
                self.state = State::Body;
                Ok(Some(Received::Headers(headers)))
            }
            Head::TrailersOnly(decoded) => {
                decoded.map(|decoded| Some(Received::End(decoded, headers))).map_err(response)
            }
            // Its body is not waited for: it may never end, and what it says is nobody's business.
            Head::NotGrpc(foreign) => Err(Broken::Response(foreign.finish(length(&headers)), Reached::Maybe)),
        })
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Broken>> {
        let trailers = ready!(self.half.poll_trailers(cx)).map_err(Broken::Transport)?;
        let decoded = match decode::trailers(trailers.as_ref(), self.http) {
            Ok(decoded) => decoded,
            Err(evidence) => return Poll::Ready(Err(self.truncated().unwrap_or_else(|| response(evidence)))),
        };
        // a cut message under an error status is the error's doing
        match self.truncated() {
            Some(broken) if decoded.code == Code::Ok => Poll::Ready(Err(broken)),
            _ => Poll::Ready(Ok(Received::End(decoded, trailers.unwrap_or_default()))),
        }
    }

    fn truncated(&self) -> Option<Broken> {
        let cut = self.deframer.truncated();
        cut.then(|| response(Evidence::Message { problem: MessageProblem::Truncated }))
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

/// Response headers or data were there, so the server has seen the request.
fn response(evidence: Evidence) -> Broken {
    Broken::Response(evidence, Reached::Yes)
}

fn problem(problem: MessageProblem) -> Evidence {
    Evidence::Message { problem }
}

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
