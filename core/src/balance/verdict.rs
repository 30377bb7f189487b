//! One failure for several addresses.
use crate::failure::{Failure, furthest};

/// That of the address that came furthest. Every address is in `attempts`; `unresolved`, what the last lookup said when it
/// failed, stands behind it where nothing else does.
pub(super) fn verdict<'a>(
    failures: impl Iterator<Item = &'a Failure> + Clone,
    unresolved: Option<&Failure>,
) -> Option<Failure> {
    let Some(headline) = furthest(failures.clone()) else { return unresolved.cloned() };
    let mut verdict = headline.clone();
    let record = verdict.record_mut();
    record.attempts = failures.flat_map(|failure| failure.record().attempts.iter().cloned()).collect();
    record.underlying = record.underlying.take().or(unresolved.cloned());
    Some(verdict)
}
