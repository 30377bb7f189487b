//! The server of every measurement: gRPC echo on `h2` itself, so that it is far from being what is measured. Frames are
//! echoed as they come, without being looked into, and a stream's messages are framed once.
use crate::{BIDI, PLACE, Result, SERVER_STREAM, UNARY, cell};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response};
use std::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};

const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// As tonic's and grpc-go's servers have it.
const MAX_FRAME: u32 = 16 << 10;
/// Framed messages are handed to `h2` in pieces of about this size.
const PIECE: usize = 64 << 10;

/// Serves until the connection ends. What goes wrong on it is its client's to report.
pub async fn connection(socket: impl AsyncRead + AsyncWrite + Unpin) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_send_buffer_size(STREAM_WINDOW as usize);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(async move { drop(answer(request, respond).await) });
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<()> {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    if ![UNARY, SERVER_STREAM, BIDI, PLACE].contains(&path.as_str()) {
        response.headers_mut().insert("grpc-status", HeaderValue::from_static("12"));
        respond.send_response(response, true)?;
        return Ok(());
    }
    let mut out = respond.send_response(response, false)?;
    if path == SERVER_STREAM {
        repeat(&mut body, &mut out).await?;
    } else {
        echo(&mut body, &mut out).await?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    out.send_trailers(trailers)?;
    Ok(())
}

async fn echo(body: &mut RecvStream, out: &mut SendStream<Bytes>) -> Result<()> {
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        send(out, data).await?;
    }
    Ok(())
}

async fn repeat(body: &mut RecvStream, out: &mut SendStream<Bytes>) -> Result<()> {
    let mut request = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        request.extend_from_slice(&data);
    }
    // the frame's head, and that of the BytesValue
    if request.len() != 5 + 2 + 8 {
        return Err("a wish has 10 bytes".into());
    }
    request.advance(5 + 2);
    let (mut left, size) = (request.get_u32_le() as usize, request.get_u32_le() as usize);
    let each = (PIECE / (size + 5)).max(1);
    let piece = framed(each, size);
    while left > 0 {
        let now = left.min(each);
        send(out, piece.slice(..now * (size + 5))).await?;
        left -= now;
    }
    Ok(())
}

fn framed(count: usize, size: usize) -> Bytes {
    let message = cell::message(size);
    let mut framed = BytesMut::with_capacity(count * (size + 5));
    for _ in 0..count {
        framed.put_u8(0);
        framed.put_u32(size as u32);
        framed.put_slice(&message);
    }
    framed.freeze()
}

/// As the window allows.
async fn send(out: &mut SendStream<Bytes>, mut data: Bytes) -> Result<()> {
    while !data.is_empty() {
        out.reserve_capacity(data.len());
        let room = match out.capacity() {
            0 => poll_fn(|cx| out.poll_capacity(cx)).await.ok_or("the stream was reset")??,
            room => room,
        };
        out.send_data(data.split_to(room.min(data.len())), false)?;
    }
    Ok(())
}
