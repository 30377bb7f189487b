//! `google/rpc/status.proto` and `google/rpc/error_details.proto`, written by hand so that core has no build script.
use std::collections::HashMap;

use prost::Message;
use prost_types::{Any, Duration};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub(super) reason: String,
    #[prost(string, tag = "2")]
    pub(super) domain: String,
    #[prost(map = "string, string", tag = "3")]
    pub(super) metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<Duration>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DebugInfo {
    #[prost(string, repeated, tag = "1")]
    pub(super) stack_entries: Vec<String>,
    #[prost(string, tag = "2")]
    pub(super) detail: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QuotaFailure {
    #[prost(message, repeated, tag = "1")]
    pub(super) violations: Vec<QuotaViolation>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QuotaViolation {
    #[prost(string, tag = "1")]
    pub(super) subject: String,
    #[prost(string, tag = "2")]
    pub(super) description: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PreconditionFailure {
    #[prost(message, repeated, tag = "1")]
    pub(super) violations: Vec<PreconditionViolation>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PreconditionViolation {
    #[prost(string, tag = "1")]
    pub(super) kind: String,
    #[prost(string, tag = "2")]
    pub(super) subject: String,
    #[prost(string, tag = "3")]
    pub(super) description: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) field_violations: Vec<FieldViolation>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldViolation {
    #[prost(string, tag = "1")]
    pub(super) field: String,
    #[prost(string, tag = "2")]
    pub(super) description: String,
    #[prost(string, tag = "3")]
    pub(super) reason: String,
    #[prost(message, optional, tag = "4")]
    pub(super) localized_message: Option<LocalizedMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestInfo {
    #[prost(string, tag = "1")]
    pub(super) request_id: String,
    #[prost(string, tag = "2")]
    pub(super) serving_data: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResourceInfo {
    #[prost(string, tag = "1")]
    pub(super) resource_type: String,
    #[prost(string, tag = "2")]
    pub(super) resource_name: String,
    #[prost(string, tag = "3")]
    pub(super) owner: String,
    #[prost(string, tag = "4")]
    pub(super) description: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Help {
    #[prost(message, repeated, tag = "1")]
    pub(super) links: Vec<HelpLink>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HelpLink {
    #[prost(string, tag = "1")]
    pub(super) description: String,
    #[prost(string, tag = "2")]
    pub(super) url: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LocalizedMessage {
    #[prost(string, tag = "1")]
    pub(super) locale: String,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}
