//! A tunnel through an HTTP CONNECT proxy (gRFC A1, RFC 9110 section 9.3.6).
use super::keepalive::kernel;
use crate::{
    failure::evidence::{Evidence, ProxyProblem},
    options::Secret,
};
use httparse::{EMPTY_HEADER, Error, Response, Status};
use std::{
    fmt::Write,
    hash::{Hash, Hasher},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest head of an answer, and the most headers in it.
const MAX_HEAD: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
const PIECE: usize = 1 << 10;

/// A proxy, whichever of its addresses is used.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// `host:port`, as it was configured.
    pub(crate) place: Arc<str>,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<Secret<String>>,
    /// Who configured it: `option`, or the name of an environment variable.
    pub(crate) source: &'static str,
}

/// The way to a server through a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Tunnel {
    pub(crate) proxy: Arc<Proxy>,
    /// One address of the proxy.
    pub(crate) at: SocketAddr,
    /// `host:port` of the server, which is for the proxy to resolve.
    pub(crate) to: Arc<str>,
}

/// A channel has one proxy.
impl PartialEq for Tunnel {
    fn eq(&self, other: &Tunnel) -> bool {
        (self.at, &self.to) == (other.at, &other.to)
    }
}

impl Eq for Tunnel {}

impl Hash for Tunnel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.at, &self.to).hash(state);
    }
}

impl Proxy {
    pub(crate) fn evidence(&self, problem: ProxyProblem, said: Option<String>) -> Evidence {
        Evidence::Proxy { proxy: self.place.to_string(), problem, said, source: self.source }
    }
}

impl Tunnel {
    /// Connects, and returns when the proxy says that the way is open.
    ///
    /// # Errors
    /// What the proxy did instead.
    pub(super) async fn open(&self, user_timeout: Duration) -> Result<TcpStream, Evidence> {
        let problem = |problem| self.proxy.evidence(problem, None);
        let unreachable = |error: io::Error| problem(ProxyProblem::Unreachable { errno: error.raw_os_error() });
        let mut stream = TcpStream::connect(self.at).await.map_err(unreachable)?;
        // As for every connection: what fails here the next write tells better.
        let _ = stream.set_nodelay(true);
        let _ = kernel::watch(&stream, user_timeout);
        let answer = match stream.write_all(self.request().as_bytes()).await {
            Ok(()) => answer(&mut stream).await.map_err(problem)?,
            Err(_) => return Err(problem(ProxyProblem::Closed)),
        };
        match answer.status {
            200..=299 => Ok(stream),
            status => Err(self.proxy.evidence(ProxyProblem::Status(status), Some(answer.line))),
        }
    }

    fn request(&self) -> String {
        let to = &self.to;
        let mut text = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
        let _ = write!(text, "User-Agent: causewire/{}\r\n", env!("CARGO_PKG_VERSION")); // to a String: never fails
        if let Some(value) = &self.proxy.authorization {
            let _ = write!(text, "Proxy-Authorization: {}\r\n", value.expose());
        }
        text.push_str("\r\n");
        text
    }
}

#[derive(Debug, PartialEq)]
struct Answer {
    /// Of the head, which ends here.
    length: usize,
    status: u16,
    /// Without the version.
    line: String,
}

/// Reads the head of the answer and not a byte more: what follows is the server's.
async fn answer(stream: &mut TcpStream) -> Result<Answer, ProxyProblem> {
    let closed = |_| ProxyProblem::Closed;
    let mut head = Vec::new();
    loop {
        let (mut piece, before) = ([0; PIECE], head.len());
        let seen = stream.peek(&mut piece).await.map_err(closed)?;
        head.extend(piece.iter().take(seen));
        let answer = read(&head)?;
        let taken = answer.as_ref().map_or(head.len(), |answer| answer.length) - before;
        if let Some(taken) = piece.get_mut(..taken) {
            stream.read_exact(taken).await.map_err(closed)?;
        }
        match answer {
            Some(answer) => return Ok(answer),
            None if seen == 0 => return Err(ProxyProblem::Closed),
            None if head.len() > MAX_HEAD => return Err(ProxyProblem::HeadTooLarge),
            None => {}
        }
    }
}

/// Nothing yet, while the head is not whole.
fn read(head: &[u8]) -> Result<Option<Answer>, ProxyProblem> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    let length = match response.parse(head) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders) => return Err(ProxyProblem::HeadTooLarge),
        Err(_) => return Err(ProxyProblem::NotHttp),
    };
    let (Some(status), reason) = (response.code, response.reason.unwrap_or_default()) else {
        return Err(ProxyProblem::NotHttp);
    };
    Ok(Some(Answer { length, status, line: format!("{status} {reason}").trim_end().to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::Handle;
    use tokio::net::TcpListener;

    #[test]
    fn only_a_whole_head_is_an_answer() {
        let text = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\nbody";
        let length = text.len() - 4;
        for end in 0..length {
            assert_eq!(read(&text[..end]), Ok(None), "{end}");
        }
        let line = "407 Proxy Authentication Required".to_owned();
        assert_eq!(read(text), Ok(Some(Answer { length, status: 407, line })));
        assert_eq!(read(b"HTTP/1.0 200\r\n\r\n").unwrap().unwrap().line, "200");
        for garbage in [&b"SSH-2.0-x\r\n"[..], b"\x16\x03\x01", b"\0\0\0\x04", b"HTTP/1.1 abc x\r\n\r\n"] {
            assert_eq!(read(garbage), Err(ProxyProblem::NotHttp), "{garbage:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(read(many.as_bytes()), Err(ProxyProblem::HeadTooLarge));
    }

    fn tunnel(at: SocketAddr, authorization: Option<&str>) -> Tunnel {
        let authorization = authorization.map(|value| Secret::new(value.to_owned()));
        let proxy = Proxy { place: "proxy.test:3128".into(), authorization, source: "option" };
        Tunnel { proxy: Arc::new(proxy), at, to: "backend.test:443".into() }
    }

    /// What a proxy that answers in these pieces makes of the tunnel, and what is read behind its answer.
    async fn through(pieces: &'static [&'static [u8]]) -> Result<Vec<u8>, Evidence> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let proxy = Handle::current_or_own().unwrap().spawn("test.proxy", async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 512];
            let length = socket.read(&mut request).await.unwrap();
            assert!(request[..length].ends_with(b"\r\n\r\n"));
            socket.set_nodelay(true).unwrap();
            for piece in pieces {
                socket.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut rest = Vec::new();
        tunnel(at, None).open(Duration::from_secs(20)).await?.read_to_end(&mut rest).await.unwrap();
        proxy.await.unwrap();
        Ok(rest)
    }

    #[tokio::test]
    async fn what_follows_the_answer_is_the_servers() {
        let behind = b"\0\0\0\x04\0\0\0\0\0".to_vec();
        let whole: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\n\r\n\0\0\0\x04\0\0\0\0\0"];
        let parts: &[&[u8]] = &[b"HTTP/1.1 ", b"200 OK\r\nVia: x\r\n", b"\r\n\0\0", b"\0\x04\0\0\0\0\0"];
        for pieces in [whole, parts] {
            assert_eq!(through(pieces).await, Ok(behind.clone()));
        }
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_status_line() {
        let refused = through(&[b"HTTP/1.1 502 Bad Gateway\r\n\r\n"]).await.unwrap_err();
        let Evidence::Proxy { problem, said, proxy, .. } = refused else { panic!("{refused:?}") };
        assert_eq!((problem, said.as_deref()), (ProxyProblem::Status(502), Some("502 Bad Gateway")));
        assert_eq!(proxy, "proxy.test:3128");
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_not_read_for_ever() {
        const LINE: &[u8] = b"a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
            bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        static ENDLESS: [&[u8]; 61] = {
            let mut pieces: [&[u8]; 61] = [LINE; 61];
            pieces[0] = b"HTTP/1.1 200 OK\r\n";
            pieces
        };
        let Evidence::Proxy { problem, .. } = through(&ENDLESS).await.unwrap_err() else { panic!() };
        assert_eq!(problem, ProxyProblem::HeadTooLarge);
    }

    #[test]
    fn the_request_has_the_port_and_the_credentials_which_are_not_shown() {
        let tunnel = tunnel("127.0.0.1:1".parse().unwrap(), Some("Basic canary"));
        let expected = "CONNECT backend.test:443 HTTP/1.1\r\nHost: backend.test:443\r\n";
        assert!(tunnel.request().starts_with(expected));
        assert!(tunnel.request().ends_with("\r\nProxy-Authorization: Basic canary\r\n\r\n"));
        assert!(!format!("{tunnel:?}").contains("canary"));
    }
}
