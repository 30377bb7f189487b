//! One failure for several addresses.
use crate::failure::{Category, Failure};

/// A security fault if there is one, else the last. Every address is in `attempts`; `unresolved`, what the last lookup said
/// when it failed, stands behind it where nothing else does.
pub(super) fn verdict<'a>(
    failures: impl Iterator<Item = &'a Failure> + Clone,
    unresolved: Option<&Failure>,
) -> Option<Failure> {
    let is_security = |failure: &&Failure| failure.record().category == Category::Security;
    let Some(headline) = failures.clone().find(is_security).or_else(|| failures.clone().last()) else {
        return unresolved.cloned();
    };
    let mut verdict = headline.clone();
    let record = verdict.record_mut();
    record.attempts = failures.flat_map(|failure| failure.record().attempts.iter().cloned()).collect();
    record.underlying = record.underlying.take().or(unresolved.cloned());
    Some(verdict)
}
