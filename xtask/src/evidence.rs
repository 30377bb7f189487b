//! What each key of the evidence holds. A test holds the list against the table of causes.
use crate::model::{Field, Type};

pub(crate) fn fields() -> Vec<Field> {
    let text = |key, doc| Field::new(key, Type::Text, doc);
    let int = |key, doc| Field::new(key, Type::Int, doc);
    let big = |key, doc| Field::new(key, Type::Big, doc);
    let time = |key, doc: &str| Field::new(key, Type::Text, &format!("{doc}, as `2026-10-01T08:00:00Z`"));
    vec![
        big("actual", "The size, in bytes; of a message that was not read to its end, the least that it is"),
        text("address", "The address that was tried, as `ip:port` or `unix:path`"),
        int("alert", "The number of the TLS alert (RFC 8446 section 6)"),
        text("alert_name", "Its name"),
        Field::new("already_past", Type::Bool, "The deadline had passed before the call began"),
        text("answer", "`nxdomain` or `nodata`"),
        text("auth_scheme", "The scheme that `www-authenticate` asks for"),
        int("chain_length", "The number of certificates that the server sent"),
        text("content_type", "The content type of the answer"),
        int("count", "The number of grpc-status values"),
        int("errno", "The number of the operating system's error"),
        text("errno_name", "Its symbol, such as `ECONNREFUSED`"),
        text("expected", "The name that the certificate had to be for"),
        int("failed", "The number of calls that failed in the last period"),
        text("field", "The path of the option or argument, in snake_case"),
        int("flag", "The flag byte of the frame"),
        int("h2_code", "The HTTP/2 error code (RFC 9113 section 7)"),
        text("h2_name", "Its name"),
        text("health", "`not_serving`, `service_unknown`, `unknown`, or `check_failed`"),
        text("host", "The name that was looked up"),
        text("how", "`rst`, `eof` or `error`"),
        int("http_status", "The HTTP status"),
        text("issuer", "The issuer of the server's certificate"),
        int("keepalive_ms", "The silence after which this connection pinged"),
        int("last_stream", "The last stream that GOAWAY says was or may be processed"),
        big("length", "The length of the body that was not gRPC, in bytes"),
        big("limit", "The limit, in bytes"),
        Field::new("names", Type::List(Box::new(Type::Text)), "The names that the server's certificate is for"),
        int("next_keepalive_ms", "The same of the connections that follow"),
        time("not_after", "The end of the certificate's validity"),
        time("not_before", "The begin of the certificate's validity"),
        time("now", "The local time at which it was judged"),
        text("offered", "The protocol that the peer chose"),
        text("option", "The option that holds the limit"),
        time("ours_expires", "The end of our own certificate's validity"),
        text("problem", "What is wrong, in one word"),
        text("provider", "The credential provider's name"),
        text("proxy", "`host:port` of the proxy"),
        text("pushback", "`after` or `never`: the server's word on retries (gRFC A6)"),
        int("pushback_ms", "The wait that the server asks for"),
        text("raw", "grpc-status as it came, escaped"),
        text("reason", "What is wrong, and the accepted form"),
        big("received", "The number of messages"),
        text("request_id", "The service's id of the request"),
        int("resolved_age_ms", "The age of the resolver's answer; absent below 10 s"),
        int("retry_after_ms", "The wait that `google.rpc.RetryInfo` asks for"),
        int("roots", "The number of trusted authorities that were loaded"),
        text("server", "The `server` header of the answer"),
        text("service", "The service whose health was asked for; absent: the server as a whole"),
        text("site", "Where in this library"),
        text("source", "The variable or option that named the proxy"),
        text("speaks", "What the peer speaks: `http1`, `h2c`, `tls`, `ssh` or `other`"),
        text("state", "`closed` or `forked`"),
        text("subject", "The subject of the server's certificate"),
        text("target", "The target as it was given"),
        int("total", "The number of calls in the last period"),
        Field::new("trailers", Type::Bool, "Trailers came, without grpc-status"),
        text("type_name", "The type that the message had to be"),
        text("value", "The value that was refused, where it can be no secret"),
        int("waited_ms", "How long it was waited for"),
        text("what", "What it is about"),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::fields;

    #[test]
    fn every_key_of_the_table_is_described() {
        let described: Vec<String> = fields().into_iter().map(|field| field.key).collect();
        let used: BTreeSet<String> = causewire::failure::Cause::ALL
            .iter()
            .flat_map(|it| it.info().evidence)
            .map(|key| key.to_string())
            .collect();
        assert_eq!(described, used.into_iter().collect::<Vec<_>>());
    }
}
