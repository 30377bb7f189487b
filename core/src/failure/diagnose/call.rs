//! Arguments, limits, credentials, the service's own status, the deadline.
use std::time::Duration;

use super::{Finding, Situation, connection::with_errno};
use crate::failure::{
    Category, Cause, Code, Evidence, Failure, Json, Phase, Pushback, Reached, Retry, ServerHealth, Sized, Unusable,
};

pub(super) fn argument(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::Target { target, reason } => {
            Finding::of(Cause::TargetInvalid).fact("target", target.to_string()).fact("reason", reason)
        }
        Evidence::Option { field, value, reason } => {
            Finding::of(Cause::OptionInvalid).fact("field", field).maybe("value", value).fact("reason", reason)
        }
        Evidence::TlsMaterial { field, reason } => {
            Finding::of(Cause::TlsConfigInvalid).fact("field", field).fact("reason", reason)
        }
        Evidence::Request { field, reason } => {
            Finding::of(Cause::RequestInvalid).fact("field", field).fact("reason", reason)
        }
        _ => Finding::of(Cause::RequestInvalid),
    }
}

pub(super) fn process(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::Unusable { why } => Finding::of(Cause::ChannelUnusable).fact(
            "state",
            match why {
                Unusable::Closed => "closed",
                Unusable::Forked => "forked",
            },
        ),
        Evidence::Core { site } => Finding::of(Cause::CoreFault).fact("site", site),
        _ => Finding::of(Cause::CoreFault),
    }
}

pub(super) fn limit(evidence: Evidence) -> Finding {
    let (cause, what, actual, limit, option) = match evidence {
        Evidence::RequestTooLarge { what, actual, limit, option } => {
            (Cause::RequestTooLarge, what, actual, limit, option)
        }
        Evidence::ResponseTooLarge { what, actual, limit, option } => {
            (Cause::ResponseTooLarge, what, actual, limit, option)
        }
        Evidence::LocalResources { what, errno } => {
            return with_errno(Finding::of(Cause::LocalResourcesExhausted).fact("what", what), errno);
        }
        _ => return Finding::of(Cause::LocalResourcesExhausted),
    };
    let what = match what {
        Sized::Message => "message",
        Sized::Decompressed => "decompressed",
        Sized::Metadata => "metadata",
    };
    Finding::of(cause)
        .fact("what", what)
        .fact("actual", Json::big(actual))
        .fact("limit", Json::big(limit))
        .fact("option", option)
}

pub(super) fn credentials(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::CredentialsRefused { provider } => Finding::of(Cause::CredentialsFailed).fact("provider", provider),
        Evidence::CredentialsUnavailable { provider } => {
            Finding::of(Cause::CredentialsUnavailable).fact("provider", provider)
        }
        _ => Finding::of(Cause::CredentialsOnInsecureChannel),
    }
}

pub(super) fn status(
    number: u8,
    retry_after: Option<Duration>,
    pushback: Pushback,
    request_id: Option<String>,
) -> Finding {
    let code = match Code::from_u8(number) {
        // Success is no evidence: whoever reported it has a bug.
        Some(Code::Ok) => return Finding::of(Cause::CoreFault).fact("site", "status OK reported as a failure"),
        Some(code) => code,
        None => return Finding::of(Cause::StatusMalformed).fact("raw", number.to_string()).fact("count", 1u32),
    };
    let cause = match code {
        Code::Unauthenticated => Cause::AppUnauthenticated,
        Code::PermissionDenied => Cause::AppPermissionDenied,
        Code::Unimplemented => Cause::AppUnimplemented,
        Code::ResourceExhausted => Cause::AppOverloaded,
        Code::Unavailable => Cause::AppUnavailable,
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange => Cause::AppRejected,
        Code::Ok | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded | Code::Internal | Code::DataLoss => {
            Cause::AppFailed
        }
    };
    let finding = Finding::of(cause).code(code).maybe("retry_after_ms", retry_after);
    let finding = match pushback {
        Pushback::Absent => finding,
        Pushback::After(wait) => finding.fact("pushback", "after").fact("pushback_ms", wait),
        Pushback::Never => finding.fact("pushback", "never"),
    };
    let finding = finding.said("request_id", request_id);
    // gRFC A6: the server asks that nobody retries.
    if pushback == Pushback::Never && cause.info().retry_varies { finding.retry(Retry::Never) } else { finding }
}

/// A server that is connected and gets no calls.
pub(super) fn left_out(evidence: Evidence) -> Finding {
    match evidence {
        Evidence::NotServing { address, service, health } => Finding::of(Cause::ServerNotServing)
            .fact("address", address)
            .said("service", (!service.is_empty()).then_some(service))
            .fact(
                "health",
                match health {
                    ServerHealth::Unknown => "unknown",
                    ServerHealth::NotServing => "not_serving",
                    ServerHealth::ServiceUnknown => "service_unknown",
                    ServerHealth::CheckFailed => "check_failed",
                },
            ),
        Evidence::Ejected { address, failed, total } => {
            Finding::of(Cause::ServerEjected).fact("address", address).fact("failed", failed).fact("total", total)
        }
        _ => Finding::of(Cause::ServerEjected),
    }
}

pub(super) fn deadline(already_past: bool, situation: &Situation) -> Finding {
    if situation.headers {
        return Finding::of(Cause::DeadlineMidResponse);
    }
    let reached = if already_past { Reached::No } else { reached_in(situation) };
    if !matches!(reached, Reached::No | Reached::Unprocessed) {
        return Finding::of(Cause::DeadlineAwaitingResponse);
    }
    let finding = Finding::of(Cause::DeadlineNotSent).fact("already_past", already_past).reached(reached);
    if already_past {
        return finding.category(Category::Client).retry(Retry::Fix);
    }
    if situation.phase == Some(Phase::StreamSlot) {
        return finding.category(Category::Server);
    }
    match situation.underlying.as_ref().map(Failure::record) {
        Some(fault) => finding.category(fault.category).retry(fault.retry),
        None => finding,
    }
}

/// What the layer proved, else what the phase proves.
fn reached_in(situation: &Situation) -> Reached {
    situation.reached.unwrap_or(match situation.phase {
        Some(Phase::Send | Phase::AwaitHeaders | Phase::Receive | Phase::Backoff) | None => Reached::Maybe,
        Some(_) => Reached::No,
    })
}
