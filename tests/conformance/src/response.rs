//! A driver's answer as a response of the suite.
use crate::{
    Result,
    proto::{
        self, BidiStreamResponse, ClientCompatRequest, ClientResponseResult, ClientStreamResponse, ConformancePayload,
        Header, IdempotentUnaryResponse, ServerStreamResponse, UnaryResponse, UnimplementedResponse, rpc,
    },
    request::Method,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use prost::Message;
use serde_json::Value;

/// What the call of `request` came to.
pub(crate) fn result(request: &ClientCompatRequest, answer: &Value) -> Result<ClientResponseResult> {
    let method = Method::of(request)?;
    let payload = |message: &Value| payload(method, &bytes(message)?);
    Ok(ClientResponseResult {
        response_headers: headers(&answer["headers"])?,
        payloads: list(&answer["messages"])?.iter().map(payload).collect::<Result<_>>()?,
        error: error(&answer["status"])?,
        response_trailers: headers(&answer["trailers"])?,
        num_unsent_requests: i32::try_from(answer["unsent"].as_u64().ok_or("no count of unsent messages")?)?,
        ..ClientResponseResult::default()
    })
}

/// An empty response stands for an empty payload.
fn payload(method: Method, message: &[u8]) -> Result<ConformancePayload> {
    let payload = match method {
        Method::Unary => UnaryResponse::decode(message)?.payload,
        Method::ServerStream => ServerStreamResponse::decode(message)?.payload,
        Method::ClientStream => ClientStreamResponse::decode(message)?.payload,
        Method::BidiStream => BidiStreamResponse::decode(message)?.payload,
        Method::IdempotentUnary => IdempotentUnaryResponse::decode(message)?.payload,
        Method::Unimplemented => UnimplementedResponse::decode(message).map(|_| None)?,
    };
    Ok(payload.unwrap_or_default())
}

fn error(status: &Value) -> Result<Option<proto::Error>> {
    let code = status["code"].as_i64().ok_or("no status code")?;
    if code == 0 {
        return Ok(None);
    }
    let details = match &status["details"] {
        Value::Null => Vec::new(),
        details => rpc::Status::decode(&bytes(details)?[..])?.details,
    };
    let message = status["message"].as_str().ok_or("no status message")?.to_owned();
    Ok(Some(proto::Error { code: i32::try_from(code)?, message: Some(message), details }))
}

/// The values of a name in their order, under the name's first place.
fn headers(pairs: &Value) -> Result<Vec<Header>> {
    let mut headers: Vec<Header> = Vec::new();
    if pairs.is_null() {
        return Ok(headers);
    }
    for pair in list(pairs)? {
        let (Some(name), Some(value)) = (pair[0].as_str(), pair[1].as_str()) else {
            return Err(format!("{pair} is no pair").into());
        };
        let value = match name.ends_with("-bin") {
            true => STANDARD_NO_PAD.encode(STANDARD.decode(value)?),
            false => value.to_owned(),
        };
        match headers.iter_mut().find(|header| header.name == name) {
            Some(known) => known.value.push(value),
            None => headers.push(Header { name: name.to_owned(), value: vec![value] }),
        }
    }
    Ok(headers)
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().ok_or_else(|| format!("{value} is no list").into())
}

fn bytes(base64: &Value) -> Result<Vec<u8>> {
    Ok(STANDARD.decode(base64.as_str().ok_or("no base64")?)?)
}

#[cfg(test)]
mod tests;
