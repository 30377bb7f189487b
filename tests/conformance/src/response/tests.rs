use super::*;
use prost_types::Any;
use serde_json::json;

fn request(method: &str) -> ClientCompatRequest {
    ClientCompatRequest {
        service: Some("connectrpc.conformance.v1.ConformanceService".into()),
        method: Some(method.into()),
        ..ClientCompatRequest::default()
    }
}

fn header(name: &str, values: &[&str]) -> Header {
    Header { name: name.into(), value: values.iter().map(|&value| value.to_owned()).collect() }
}

fn ok() -> Value {
    json!({"headers": [], "messages": [], "trailers": [], "status": {"code": 0, "message": "", "details": null}, "unsent": 0})
}

#[test]
fn a_success_has_headers_payloads_and_trailers() {
    let payload = ConformancePayload { data: b"hi".to_vec(), ..ConformancePayload::default() };
    let message = ServerStreamResponse { payload: Some(payload.clone()) }.encode_to_vec();
    let mut answer = ok();
    answer["headers"] = json!([["a", "1"], ["b-bin", "AAE="], ["a", "2"]]);
    answer["trailers"] = json!([["t", "x"]]);
    answer["messages"] = json!([STANDARD.encode(message), ""]);
    assert_eq!(
        result(&request("ServerStream"), &answer).unwrap(),
        ClientResponseResult {
            response_headers: vec![header("a", &["1", "2"]), header("b-bin", &["AAE"])],
            payloads: vec![payload, ConformancePayload::default()],
            response_trailers: vec![header("t", &["x"])],
            ..ClientResponseResult::default()
        }
    );
}

#[test]
fn a_failure_has_its_code_its_text_its_details_and_what_was_not_sent() {
    let details = vec![Any { type_url: "type.googleapis.com/x".into(), value: vec![1] }];
    let status = rpc::Status { code: 9, message: "no".into(), details: details.clone() };
    let mut answer = ok();
    answer["headers"] = Value::Null;
    answer["status"] = json!({"code": 9, "message": "no", "details": STANDARD.encode(status.encode_to_vec())});
    answer["unsent"] = 2.into();
    let error = proto::Error { code: 9, message: Some("no".into()), details };
    assert_eq!(
        result(&request("BidiStream"), &answer).unwrap(),
        ClientResponseResult { error: Some(error), num_unsent_requests: 2, ..ClientResponseResult::default() }
    );
}

#[test]
fn an_answer_that_is_not_the_drivers_is_no_result() {
    for (key, value) in [
        ("headers", json!("none")),
        ("headers", json!([["a"]])),
        ("messages", json!(["%"])),
        // a payload that its type cannot be read from
        ("messages", json!([STANDARD.encode([10, 200])])),
        ("status", Value::Null),
        ("unsent", Value::Null),
    ] {
        let mut answer = ok();
        answer[key] = value;
        assert!(result(&request("Unary"), &answer).is_err(), "{key}");
    }
}
