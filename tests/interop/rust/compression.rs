//! The cases of compression. A client cannot see the compressed flag of what it sends or receives: the servers with the
//! feature CompressedRequest judge the one, the runner, which looks on, judges both.
use crate::{
    Result,
    cases::{self, RESPONSE_SIZE, UNARY_CALL, expect_zeros, large_request, payload},
    ensure,
    streaming::{STREAMING_INPUT_CALL, STREAMING_OUTPUT_CALL, StreamingInput, only},
};
use causewire::{Call, Channel, Metadata, Request, compress::Compression, metadata::Value, status::Code};
use causewire_testbed::pb::interop::{
    BoolValue, ResponseParameters, SimpleRequest, SimpleResponse, StreamingInputCallRequest,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};

/// What a server with the feature CompressedRequest must not accept.
const NOT_REFUSED: &str = "the server accepted an uncompressed message although expect_compressed is true";

fn gzip<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.options.compression = Some(Compression::Gzip);
    request
}

pub(crate) async fn client_unary(channel: &Channel, probe: bool) -> Result {
    let expecting = |value| SimpleRequest { expect_compressed: Some(BoolValue { value }), ..large_request() };
    if probe {
        let ended = channel.unary::<_, SimpleResponse>(UNARY_CALL, Request::new(expecting(true))).await;
        let error = ended.err().ok_or(NOT_REFUSED)?;
        ensure!(error.code() == Code::InvalidArgument, "the probe: {error}");
    }
    for request in [gzip(expecting(true)), Request::new(expecting(false))] {
        let response = channel.unary::<_, SimpleResponse>(UNARY_CALL, request).await?;
        expect_zeros(response.message.payload, RESPONSE_SIZE)?;
    }
    Ok(())
}

pub(crate) async fn server_unary(channel: &Channel) -> Result {
    for value in [true, false] {
        let request = SimpleRequest { response_compressed: Some(BoolValue { value }), ..large_request() };
        let response = cases::unary(channel, request).await?;
        expect_zeros(response.message.payload, RESPONSE_SIZE)?;
        if value {
            expect_gzip(&response.headers)?;
        }
    }
    Ok(())
}

pub(crate) async fn client_streaming(channel: &Channel, probe: bool) -> Result {
    let expecting = |value, size| StreamingInputCallRequest {
        expect_compressed: Some(BoolValue { value }),
        payload: payload(size),
    };
    if probe {
        let mut call: StreamingInput = channel.client_streaming(STREAMING_INPUT_CALL, Request::new(()))?;
        call.send(expecting(true, 27_182)).await?;
        call.close_send();
        let error = call.message().await.err().ok_or(NOT_REFUSED)?;
        ensure!(error.code() == Code::InvalidArgument, "the probe: {error}");
    }
    let mut call: StreamingInput = channel.client_streaming(STREAMING_INPUT_CALL, gzip(()))?;
    call.send(expecting(true, 27_182)).await?;
    call.send_uncompressed(expecting(false, 45_904)).await?;
    call.close_send();
    let size = only(&mut call).await?.aggregated_payload_size;
    ensure!(size == 73_086, "aggregated_payload_size is {size}");
    Ok(())
}

pub(crate) async fn server_streaming(channel: &Channel) -> Result {
    let wanted = [(31_415, true), (92_653, false)];
    let parameters = |(size, value)| ResponseParameters {
        size,
        compressed: Some(BoolValue { value }),
        ..ResponseParameters::default()
    };
    let request = StreamingOutputCallRequest {
        response_parameters: wanted.map(parameters).to_vec(),
        ..StreamingOutputCallRequest::default()
    };
    let mut call: Call<_, StreamingOutputCallResponse> =
        channel.server_streaming(STREAMING_OUTPUT_CALL, Request::new(request))?;
    for (size, _) in wanted {
        let response = call.message().await?.ok_or("too few responses")?;
        expect_zeros(response.payload, size)?;
    }
    ensure!(call.message().await?.is_none(), "too many responses");
    expect_gzip(&call.headers().await.ok_or("no headers")?)
}

fn expect_gzip(headers: &Metadata) -> Result {
    let encoding = headers.get("grpc-encoding");
    ensure!(
        encoding.as_ref().map(Value::as_bytes) == Some(b"gzip"),
        "the server did not compress: grpc-encoding is {:?}",
        encoding.as_ref().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    );
    Ok(())
}
