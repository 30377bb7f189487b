//! `grpc-status-details-bin` into typed values.
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::{DecodeError, Message};
use prost_types::Any;

use super::proto;
use crate::failure::{
    BadRequest, Code, DebugInfo, Detail, DetailsState, ErrorInfo, FieldViolation, Help, HelpLink, LocalizedMessage,
    PreconditionFailure, PreconditionViolation, QuotaFailure, QuotaViolation, RequestInfo, ResourceInfo, RetryInfo,
    UnknownDetail, peer_text,
};

/// The longest span that google.protobuf.Duration allows, about 10,000 years.
const MAX_DURATION_MS: i128 = 315_576_000_000_000;

/// Decodes a `google.rpc.Status`. grpc-status and grpc-message, given here as `code` and `message`, always win; where
/// the status inside says otherwise, the details are kept and the state is `mismatch`.
pub fn decode(code: Code, message: &str, bytes: &[u8]) -> (Vec<Detail>, DetailsState) {
    let Ok(status) = proto::Status::decode(bytes) else { return (Vec::new(), DetailsState::Malformed) };
    let mut state = DetailsState::Decoded;
    if status.code != i32::from(code.as_u8()) || status.message != message {
        state = DetailsState::Mismatch;
    }
    let mut details = Vec::with_capacity(status.details.len());
    for any in status.details {
        details.push(typed(&any).unwrap_or_else(|_| {
            state = DetailsState::Malformed;
            unknown(&any)
        }));
    }
    (details, state)
}

/// The standard type that `any` names, or the packed message where its type is another.
fn typed(any: &Any) -> Result<Detail, DecodeError> {
    let name = any.type_url.rsplit_once('/').map_or(any.type_url.as_str(), |(_, name)| name);
    let bytes = any.value.as_slice();
    Ok(match name {
        "google.rpc.ErrorInfo" => Detail::ErrorInfo(proto::ErrorInfo::decode(bytes)?.into()),
        "google.rpc.RetryInfo" => Detail::RetryInfo(proto::RetryInfo::decode(bytes)?.into()),
        "google.rpc.DebugInfo" => Detail::DebugInfo(proto::DebugInfo::decode(bytes)?.into()),
        "google.rpc.QuotaFailure" => Detail::QuotaFailure(proto::QuotaFailure::decode(bytes)?.into()),
        "google.rpc.PreconditionFailure" => {
            Detail::PreconditionFailure(proto::PreconditionFailure::decode(bytes)?.into())
        }
        "google.rpc.BadRequest" => Detail::BadRequest(proto::BadRequest::decode(bytes)?.into()),
        "google.rpc.RequestInfo" => Detail::RequestInfo(proto::RequestInfo::decode(bytes)?.into()),
        "google.rpc.ResourceInfo" => Detail::ResourceInfo(proto::ResourceInfo::decode(bytes)?.into()),
        "google.rpc.Help" => Detail::Help(proto::Help::decode(bytes)?.into()),
        "google.rpc.LocalizedMessage" => Detail::LocalizedMessage(proto::LocalizedMessage::decode(bytes)?.into()),
        _ => unknown(any),
    })
}

fn unknown(any: &Any) -> Detail {
    Detail::Unknown(UnknownDetail { type_url: any.type_url.clone(), value: BASE64_STANDARD.encode(&any.value) })
}

impl From<proto::ErrorInfo> for ErrorInfo {
    fn from(it: proto::ErrorInfo) -> Self {
        let harmless = |text: String| peer_text(text.as_bytes());
        let metadata = it.metadata.into_iter().map(|(key, value)| (harmless(key), harmless(value))).collect();
        Self { reason: it.reason, domain: it.domain, metadata }
    }
}

impl From<proto::RetryInfo> for RetryInfo {
    /// A negative delay means no delay.
    fn from(it: proto::RetryInfo) -> Self {
        let delay = it.retry_delay.unwrap_or_default();
        let millis = i128::from(delay.seconds) * 1000 + i128::from(delay.nanos) / 1_000_000;
        Self { retry_delay_ms: u64::try_from(millis.clamp(0, MAX_DURATION_MS)).unwrap_or_default() }
    }
}

impl From<proto::DebugInfo> for DebugInfo {
    fn from(it: proto::DebugInfo) -> Self {
        Self { stack_entries: it.stack_entries, detail: it.detail }
    }
}

impl From<proto::QuotaFailure> for QuotaFailure {
    fn from(it: proto::QuotaFailure) -> Self {
        let violation = |it: proto::QuotaViolation| QuotaViolation { subject: it.subject, description: it.description };
        Self { violations: it.violations.into_iter().map(violation).collect() }
    }
}

impl From<proto::PreconditionFailure> for PreconditionFailure {
    fn from(it: proto::PreconditionFailure) -> Self {
        let violation = |it: proto::PreconditionViolation| PreconditionViolation {
            kind: it.kind,
            subject: it.subject,
            description: it.description,
        };
        Self { violations: it.violations.into_iter().map(violation).collect() }
    }
}

impl From<proto::BadRequest> for BadRequest {
    fn from(it: proto::BadRequest) -> Self {
        let violation = |it: proto::FieldViolation| FieldViolation {
            field: it.field,
            description: it.description,
            reason: it.reason,
            localized_message: it.localized_message.map(Into::into),
        };
        Self { field_violations: it.field_violations.into_iter().map(violation).collect() }
    }
}

impl From<proto::RequestInfo> for RequestInfo {
    fn from(it: proto::RequestInfo) -> Self {
        Self { request_id: it.request_id, serving_data: it.serving_data }
    }
}

impl From<proto::ResourceInfo> for ResourceInfo {
    fn from(it: proto::ResourceInfo) -> Self {
        Self {
            resource_type: it.resource_type,
            resource_name: it.resource_name,
            owner: it.owner,
            description: it.description,
        }
    }
}

impl From<proto::Help> for Help {
    fn from(it: proto::Help) -> Self {
        let link = |it: proto::HelpLink| HelpLink { description: it.description, url: it.url };
        Self { links: it.links.into_iter().map(link).collect() }
    }
}

impl From<proto::LocalizedMessage> for LocalizedMessage {
    fn from(it: proto::LocalizedMessage) -> Self {
        Self { locale: it.locale, message: it.message }
    }
}
