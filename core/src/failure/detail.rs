//! The standard `google.rpc` error details, as values (googleapis `google/rpc/error_details.proto`).
//!
//! Key names are those of the messages; a duration is in milliseconds.
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of `google.rpc.Status.details`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Detail {
    /// Why, in words that a program can match.
    #[serde(rename = "google.rpc.ErrorInfo")]
    ErrorInfo(ErrorInfo),
    /// How long to wait before a retry.
    #[serde(rename = "google.rpc.RetryInfo")]
    RetryInfo(RetryInfo),
    /// For the service's own developers.
    #[serde(rename = "google.rpc.DebugInfo")]
    DebugInfo(DebugInfo),
    /// Which quota is used up.
    #[serde(rename = "google.rpc.QuotaFailure")]
    QuotaFailure(QuotaFailure),
    /// Which precondition does not hold.
    #[serde(rename = "google.rpc.PreconditionFailure")]
    PreconditionFailure(PreconditionFailure),
    /// Which fields of the request are wrong.
    #[serde(rename = "google.rpc.BadRequest")]
    BadRequest(BadRequest),
    /// What to tell the service's support.
    #[serde(rename = "google.rpc.RequestInfo")]
    RequestInfo(RequestInfo),
    /// Which resource it is about.
    #[serde(rename = "google.rpc.ResourceInfo")]
    ResourceInfo(ResourceInfo),
    /// Where to read more.
    #[serde(rename = "google.rpc.Help")]
    Help(Help),
    /// A message for the end user.
    #[serde(rename = "google.rpc.LocalizedMessage")]
    LocalizedMessage(LocalizedMessage),
    /// A type that this library does not know, or one of the above that does not parse.
    #[serde(untagged)]
    Unknown(UnknownDetail),
}

/// A detail that stays packed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownDetail {
    /// Such as `type.googleapis.com/acme.Reason`.
    pub type_url: String,
    /// The packed message, in padded base64.
    pub value: String,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ErrorInfo {
    /// The reason, constant per `domain`, such as `API_DISABLED`.
    pub reason: String,
    /// Who defines the reason, such as `pubsub.googleapis.com`.
    pub domain: String,
    /// More about it; printable ASCII, at most 256 characters each.
    pub metadata: BTreeMap<String, String>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RetryInfo {
    /// Wait at least this long, in milliseconds.
    pub retry_delay_ms: u64,
}

/// `google.rpc.DebugInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DebugInfo {
    /// Where the service failed.
    pub stack_entries: Vec<String>,
    /// What the service adds.
    pub detail: String,
}

/// `google.rpc.QuotaFailure`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct QuotaFailure {
    /// All of them.
    pub violations: Vec<QuotaViolation>,
}

/// One quota that is used up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct QuotaViolation {
    /// Whose quota, such as `project:1234`.
    pub subject: String,
    /// How it was used up.
    pub description: String,
}

/// `google.rpc.PreconditionFailure`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreconditionFailure {
    /// All of them.
    pub violations: Vec<PreconditionViolation>,
}

/// One precondition that does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreconditionViolation {
    /// The kind, such as `TOS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// How to make it hold.
    pub description: String,
}

/// `google.rpc.BadRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BadRequest {
    /// All of them.
    pub field_violations: Vec<FieldViolation>,
}

/// One field that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FieldViolation {
    /// The path of the field in the request.
    pub field: String,
    /// Why it is wrong.
    pub description: String,
    /// Why, in a word that a program can match.
    pub reason: String,
    /// For the end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub localized_message: Option<LocalizedMessage>,
}

/// `google.rpc.RequestInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RequestInfo {
    /// By which the service finds the request in its logs.
    pub request_id: String,
    /// Opaque to everybody else.
    pub serving_data: String,
}

/// `google.rpc.ResourceInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ResourceInfo {
    /// The kind of resource.
    pub resource_type: String,
    /// Its name.
    pub resource_name: String,
    /// Whose it is.
    pub owner: String,
    /// What went wrong with it.
    pub description: String,
}

/// `google.rpc.Help`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Help {
    /// Where to read more.
    pub links: Vec<HelpLink>,
}

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HelpLink {
    /// What it offers.
    pub description: String,
    /// Where.
    pub url: String,
}

/// `google.rpc.LocalizedMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LocalizedMessage {
    /// BCP 47, such as `en-US`.
    pub locale: String,
    /// The message in that language.
    pub message: String,
}

impl Detail {
    /// The type's name, or the type URL where the type is unknown.
    pub fn type_name(&self) -> &str {
        match self {
            Self::ErrorInfo(_) => "google.rpc.ErrorInfo",
            Self::RetryInfo(_) => "google.rpc.RetryInfo",
            Self::DebugInfo(_) => "google.rpc.DebugInfo",
            Self::QuotaFailure(_) => "google.rpc.QuotaFailure",
            Self::PreconditionFailure(_) => "google.rpc.PreconditionFailure",
            Self::BadRequest(_) => "google.rpc.BadRequest",
            Self::RequestInfo(_) => "google.rpc.RequestInfo",
            Self::ResourceInfo(_) => "google.rpc.ResourceInfo",
            Self::Help(_) => "google.rpc.Help",
            Self::LocalizedMessage(_) => "google.rpc.LocalizedMessage",
            Self::Unknown(unknown) => &unknown.type_url,
        }
    }
}
