//! `retryPolicy`, `hedgingPolicy` and `retryThrottling` (gRFC A6).
use super::super::fault::invalid;
use super::reader::{At, as_text, as_text_or_nothing};
use crate::failure::{Code, Evidence, Failure};
use serde::{Serialize, Serializer};
use std::{sync::Arc, time::Duration};

/// Settings of `retryPolicy` (gRFC A6): attempts follow each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Most attempts, the first included: at least 2. The channel's `retry.max_attempts` bounds it.
    pub max_attempts: u32,
    /// Wait before the second attempt. Each wait is spread by a random fifth either way.
    #[serde(serialize_with = "as_text")]
    pub initial_backoff: Duration,
    /// Longest wait before it is spread.
    #[serde(serialize_with = "as_text")]
    pub max_backoff: Duration,
    /// Growth from wait to wait.
    pub backoff_multiplier: f64,
    /// Codes after which another attempt is made.
    pub retryable_status_codes: StatusCodes,
    /// Time after which an attempt without response headers is given up for the next one. Absent: none.
    #[serde(serialize_with = "as_text_or_nothing", skip_serializing_if = "Option::is_none")]
    pub per_attempt_recv_timeout: Option<Duration>,
}

/// Settings of `hedgingPolicy` (gRFC A6): attempts race each other, so the method must bear being run more than once.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HedgingPolicy {
    /// Most attempts, the first included: at least 2. The channel's `retry.max_attempts` bounds it.
    pub max_attempts: u32,
    /// Time from one attempt to the next. Zero: all at once.
    #[serde(serialize_with = "as_text")]
    pub hedging_delay: Duration,
    /// Codes that end an attempt and bring the next one forward. Any other ends the call.
    pub non_fatal_status_codes: StatusCodes,
}

/// Settings of `retryThrottling` (gRFC A6): no retry while failures outweigh successes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryThrottling {
    /// Size of the budget, from 1 to 1000. A failure takes 1; retries stop at half and below.
    pub max_tokens: u32,
    /// What a success gives back. Three decimals count.
    pub token_ratio: f64,
}

/// What follows the failed attempts of one call, instead of what the service config says for its method.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CallRetry {
    /// What the service config says; without a policy there, what is proven not to have been processed is retried.
    #[default]
    Inherit,
    /// Transparent retries only.
    Off,
    /// Attempts one after the other.
    Retry(Arc<RetryPolicy>),
    /// Attempts that race.
    Hedging(Arc<HedgingPolicy>),
}

/// A set of status codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCodes(u32);

impl StatusCodes {
    /// Whether the code is in it.
    pub fn contains(self, code: Code) -> bool {
        self.0 & bit(code) != 0
    }

    /// Its codes, by number.
    pub fn iter(self) -> impl Iterator<Item = Code> {
        Code::ALL.iter().copied().filter(move |code| self.contains(*code))
    }
}

impl FromIterator<Code> for StatusCodes {
    fn from_iter<I: IntoIterator<Item = Code>>(codes: I) -> Self {
        StatusCodes(codes.into_iter().fold(0, |set, code| set | bit(code)))
    }
}

impl Serialize for StatusCodes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Code::as_str))
    }
}

impl CallRetry {
    /// Reads a call's own policy: an object with `retryPolicy` or `hedgingPolicy`, or with neither for no policy.
    ///
    /// # Errors
    /// `OPTION_INVALID` that names the path of what is wrong, such as `retry.retryPolicy.maxAttempts`.
    pub fn from_json(document: &str) -> Result<Self, Failure> {
        Ok(Self::read(document)?)
    }

    fn read(document: &str) -> Result<Self, Evidence> {
        let value = serde_json::from_str(document).map_err(|_| invalid("retry", "must be a JSON object"))?;
        let at = At::root("retry", &value).object()?;
        let known = |name: &str| ["retryPolicy", "hedgingPolicy"].contains(&name);
        if let Some((_, field)) = at.fields().find(|(name, _)| !known(name)) {
            return Err(field.refused("is unknown; retryPolicy and hedgingPolicy are known"));
        }
        Ok(match policies(&at)? {
            (Some(policy), _) => CallRetry::Retry(policy),
            (None, Some(policy)) => CallRetry::Hedging(policy),
            (None, None) => CallRetry::Off,
        })
    }
}

type Policies = (Option<Arc<RetryPolicy>>, Option<Arc<HedgingPolicy>>);

/// The policies of a method, of which there is at most one.
pub(super) fn policies(at: &At<'_>) -> Result<Policies, Evidence> {
    if at.has("retryPolicy") && at.has("hedgingPolicy") {
        return Err(at.wrong("hedgingPolicy", "excludes retryPolicy"));
    }
    let retry = at.child("retryPolicy")?.map(|at| retry(&at)).transpose()?;
    let hedging = at.child("hedgingPolicy")?.map(|at| hedging(&at)).transpose()?;
    Ok((retry.map(Arc::new), hedging.map(Arc::new)))
}

fn retry(at: &At<'_>) -> Result<RetryPolicy, Evidence> {
    let policy = RetryPolicy {
        max_attempts: max_attempts(at)?,
        initial_backoff: positive(at, "initialBackoff")?.ok_or_else(|| missing(at, "initialBackoff"))?,
        max_backoff: positive(at, "maxBackoff")?.ok_or_else(|| missing(at, "maxBackoff"))?,
        backoff_multiplier: positive_number(at, "backoffMultiplier")?,
        retryable_status_codes: codes(at, "retryableStatusCodes")?,
        per_attempt_recv_timeout: positive(at, "perAttemptRecvTimeout")?,
    };
    if policy.retryable_status_codes == StatusCodes::default() && policy.per_attempt_recv_timeout.is_none() {
        return Err(at.wrong("retryableStatusCodes", "must list at least one code"));
    }
    Ok(policy)
}

fn hedging(at: &At<'_>) -> Result<HedgingPolicy, Evidence> {
    Ok(HedgingPolicy {
        max_attempts: max_attempts(at)?,
        hedging_delay: at.duration("hedgingDelay")?.unwrap_or_default(),
        non_fatal_status_codes: codes(at, "nonFatalStatusCodes")?,
    })
}

pub(super) fn throttling(at: &At<'_>) -> Result<RetryThrottling, Evidence> {
    let max_tokens = at.uint("maxTokens", 1000)?.ok_or_else(|| missing(at, "maxTokens"))?;
    if max_tokens == 0 {
        return Err(at.wrong("maxTokens", "must be from 1 to 1000"));
    }
    let token_ratio = positive_number(at, "tokenRatio")?;
    if token_ratio < 0.001 {
        return Err(at.wrong("tokenRatio", "must be at least 0.001"));
    }
    Ok(RetryThrottling { max_tokens, token_ratio })
}

fn max_attempts(at: &At<'_>) -> Result<u32, Evidence> {
    match at.uint("maxAttempts", u32::MAX)? {
        None => Err(missing(at, "maxAttempts")),
        Some(0 | 1) => Err(at.wrong("maxAttempts", "must be at least 2")),
        Some(attempts) => Ok(attempts),
    }
}

fn positive(at: &At<'_>, key: &str) -> Result<Option<Duration>, Evidence> {
    match at.duration(key)? {
        Some(Duration::ZERO) => Err(at.wrong(key, "must be longer than 0s")),
        duration => Ok(duration),
    }
}

fn positive_number(at: &At<'_>, key: &str) -> Result<f64, Evidence> {
    let number = at.float(key)?.ok_or_else(|| missing(at, key))?;
    if number > 0.0 { Ok(number) } else { Err(at.wrong(key, "must be greater than 0")) }
}

/// Numbers, or names in any case.
fn codes(at: &At<'_>, key: &str) -> Result<StatusCodes, Evidence> {
    at.list(key)?.iter().map(|entry| entry.code().ok_or_else(|| entry.refused("must be a status code"))).collect()
}

fn missing(at: &At<'_>, key: &str) -> Evidence {
    at.wrong(key, "is required")
}

fn bit(code: Code) -> u32 {
    1 << code.as_u8()
}
