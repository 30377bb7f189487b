//! A client without opinions: plain `h2` over TCP or TLS.
use bytes::Bytes;
use causewire_testbed::{
    certificates::Certificates,
    script::Script,
    server::{Running, start},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::pem::PemObject};
use serde_json::Value;
use std::{
    io,
    path::Path,
    sync::{Arc, OnceLock},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) fn certificates() -> &'static Certificates {
    static ALL: OnceLock<Certificates> = OnceLock::new();
    ALL.get_or_init(|| Certificates::generate().unwrap())
}

pub(crate) async fn serve(script: Value) -> Running {
    let script: Script = serde_json::from_value(script).unwrap();
    start(script, certificates(), Path::new("/nonexistent"), "server").await.unwrap()
}

/// What one unary call gave, step by step.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<http::HeaderMap>,
    pub(crate) error: Option<h2::Error>,
}

impl Story {
    pub(crate) fn grpc_status(&self) -> Option<&str> {
        self.trailers.as_ref()?.get("grpc-status")?.to_str().ok()
    }

    pub(crate) fn reason(&self) -> Option<u32> {
        self.error.as_ref()?.reason().map(u32::from)
    }
}

pub(crate) async fn call(running: &Running) -> Story {
    call_over(TcpStream::connect(&running.place.address).await.unwrap()).await
}

pub(crate) async fn call_over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Story {
    let mut story = Story::default();
    if let Err(error) = tell(io, &mut story).await {
        story.error = Some(error);
    }
    story
}

async fn tell(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, story: &mut Story) -> Result<(), h2::Error> {
    let (send, connection) = h2::client::handshake(io).await?;
    tokio::spawn(connection);
    let request = http::Request::post("http://testbed.test/raw.Echo/Unary")
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (response, mut body) = send.ready().await?.send_request(request, false)?;
    body.send_data(Bytes::from_static(b"\0\0\0\0\x02hi"), true)?;
    let response = response.await?;
    story.status = response.status().as_u16();
    story.headers = response.headers().clone();
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let data = data?;
        story.body.extend(&data);
        body.flow_control().release_capacity(data.len())?;
    }
    story.trailers = body.trailers().await?;
    Ok(())
}

pub(crate) async fn tls(running: &Running, client: Option<(&str, &str)>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(pem(certificates().get("ca").unwrap())).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![pem(certificates().get(certificate).unwrap())],
                pem(certificates().get(key).unwrap()),
            )
            .unwrap(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let io = TcpStream::connect(&running.place.address).await?;
    TlsConnector::from(Arc::new(config)).connect("127.0.0.1".try_into().unwrap(), io).await
}

fn pem<T: PemObject>(text: &str) -> T {
    T::from_pem_slice(text.as_bytes()).unwrap()
}
