//! How one attempt ended without success.
use super::outcome::Failed;
use crate::{
    failure::{Detail, Reached},
    retry::{By, Ended},
};
use std::time::Duration;

/// What the caller would be told, and what ended the attempt.
pub(crate) struct Fault {
    pub(crate) failed: Box<Failed>,
    pub(crate) by: By,
}

impl Fault {
    /// What the record claims, which is all that a decision sees.
    pub(crate) fn reached(&self) -> Reached {
        self.failed.failure.record().reached
    }

    /// What a retry hangs on.
    pub(crate) fn ended(&self, committed: bool) -> Ended {
        let record = self.failed.failure.record();
        let not_before = record.details.iter().find_map(|detail| match detail {
            Detail::RetryInfo(info) => Some(Duration::from_millis(info.retry_delay_ms)),
            _ => None,
        });
        Ended {
            by: self.by,
            reached: record.reached,
            committed,
            code: record.code,
            origin: record.origin,
            advice: record.retry,
            not_before: not_before.unwrap_or_default(),
        }
    }
}
