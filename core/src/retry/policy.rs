//! The one decision after a failed attempt, pure: no clock, no randomness, no I/O.
//!
//! Transparent retries only (gRFC A6): a request that never left this process is tried again without limit, one that
//! provably was not processed is tried again once. Policies, hedging and throttling become further answers.
use crate::failure::{Reached, RetryStopped};

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// A connection had been picked, and the transport ended the attempt: not a limit, a credential or a server.
    pub(crate) by_transport: bool,
    pub(crate) reached: Reached,
    /// Response headers were seen, or what was sent is no longer kept.
    pub(crate) committed: bool,
}

/// What happened to the call before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    pub(crate) enabled: bool,
    /// Attempts that were repeated because the peer had not processed them.
    pub(crate) unprocessed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Pick again at once; counts in no budget.
    Transparent,
    /// The attempt's failure is the call's. The reason is absent when a retry was out of the question.
    Stop(Option<RetryStopped>),
}

pub(crate) fn decide(ended: Ended, history: History) -> Decision {
    if !history.enabled || !ended.by_transport {
        return Decision::Stop(None);
    }
    match ended.reached {
        Reached::No | Reached::Unprocessed if ended.committed => Decision::Stop(Some(RetryStopped::Committed)),
        Reached::No => Decision::Transparent,
        Reached::Unprocessed if history.unprocessed == 0 => Decision::Transparent,
        Reached::Unprocessed => Decision::Stop(Some(RetryStopped::Attempts)),
        _ => Decision::Stop(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_branch() {
        use Decision::{Stop, Transparent};
        use Reached::{Maybe, No, Unprocessed, Yes};
        let table = [
            // enabled, by transport, reached, committed, unprocessed before => decision
            (true, true, No, false, 0, Transparent),
            (true, true, No, false, 7, Transparent),
            (true, true, No, true, 0, Stop(Some(RetryStopped::Committed))),
            (true, true, Unprocessed, false, 0, Transparent),
            (true, true, Unprocessed, false, 1, Stop(Some(RetryStopped::Attempts))),
            (true, true, Unprocessed, true, 0, Stop(Some(RetryStopped::Committed))),
            (true, true, Maybe, false, 0, Stop(None)),
            (true, true, Yes, false, 0, Stop(None)),
            (true, false, No, false, 0, Stop(None)),
            (false, true, No, false, 0, Stop(None)),
        ];
        for (enabled, by_transport, reached, committed, unprocessed, expected) in table {
            let ended = Ended { by_transport, reached, committed };
            let history = History { enabled, unprocessed };
            assert_eq!(decide(ended, history), expected, "{ended:?} {history:?}");
        }
    }
}
