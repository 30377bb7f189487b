use super::*;
use Decision::{Retry as Again, Stop, Transparent};
use Reached::{Maybe, No, Unprocessed, Yes};
use RetryStopped as Why;

fn policy() -> RetryPolicy {
    RetryPolicy {
        max_attempts: 4,
        initial_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_millis(300),
        backoff_multiplier: 2.0,
        retryable_status_codes: [Code::Unavailable, Code::Aborted].into_iter().collect(),
        per_attempt_recv_timeout: None,
    }
}

/// The service answered UNAVAILABLE at once.
const ANSWERED: Ended = Ended {
    by: By::Status(Pushback::Absent),
    reached: Yes,
    committed: false,
    code: Code::Unavailable,
    origin: Origin::PeerApp,
    advice: Retry::Idempotent,
    not_before: Duration::ZERO,
};

/// The connection broke.
const BROKEN: Ended = Ended { by: By::Transport, reached: Maybe, origin: Origin::PeerTransport, ..ANSWERED };

/// An HTTP answer without gRPC.
const FOREIGN: Ended = Ended { by: By::Other, reached: Maybe, origin: Origin::Intermediary, ..ANSWERED };

const CALM: Surroundings = Surroundings { throttled: false, jitter: 1.0, remaining: None };

fn rules(policy: Policy<'_>) -> Rules<'_> {
    Rules { enabled: true, policy, idempotent: false, most: 5 }
}

fn ms(wait: u64) -> Decision {
    Again { wait: Duration::from_millis(wait) }
}

#[test]
fn what_was_not_processed_is_tried_again_transparently() {
    let with = |reached, committed| Ended { reached, committed, advice: Retry::Safe, ..BROKEN };
    let before = |unprocessed| History { unprocessed, ..History::default() };
    for policy in [Policy::Off, Policy::Safe, Policy::Configured(&policy())] {
        for (ended, history, expected) in [
            (with(No, false), before(0), Transparent),
            (with(No, false), before(7), Transparent),
            (with(No, true), before(0), Stop(Some(Why::Committed))),
            (with(Unprocessed, false), before(0), Transparent),
            (with(Unprocessed, true), before(0), Stop(Some(Why::Committed))),
        ] {
            assert_eq!(decide(ended, history, rules(policy), CALM), expected, "{ended:?} {history:?} {policy:?}");
            assert!(!costs_a_token(ended, history, rules(policy)));
        }
    }
    let off = Rules { enabled: false, ..rules(Policy::Safe) };
    assert_eq!(decide(with(No, false), before(0), off, CALM), Stop(None));
}

#[test]
fn without_a_policy_only_what_is_proven_goes_on() {
    let again = Ended { reached: Unprocessed, advice: Retry::Safe, ..BROKEN };
    let second = History { unprocessed: 1, ..History::default() };
    let safe = |ended, history| decide(ended, history, rules(Policy::Safe), CALM);
    assert_eq!(safe(again, second), ms(50));
    assert!(costs_a_token(again, second, rules(Policy::Safe)));
    assert_eq!(safe(again, History { waits: 9, ..second }), ms(1000));
    assert_eq!(safe(again, History { attempts: 5, ..second }), Stop(Some(Why::Attempts)));
    assert_eq!(safe(Ended { code: Code::Internal, ..again }, second), Stop(None));
    assert_eq!(safe(Ended { advice: Retry::Fix, ..again }, second), Stop(None));
    assert_eq!(safe(BROKEN, History::default()), Stop(None));
    assert_eq!(safe(ANSWERED, History::default()), Stop(None));
    // a call that does not wait for a connection fails fast
    assert_eq!(safe(Ended { by: By::Other, reached: No, ..BROKEN }, History::default()), Stop(None));
    assert_eq!(decide(again, second, rules(Policy::Off), CALM), Stop(None));
}

#[test]
fn the_policy_says_which_answers_are_retried() {
    let policy = policy();
    let rules = rules(Policy::Configured(&policy));
    let never = Stop(Some(Why::NotRetryable));
    for (ended, expected) in [
        (ANSWERED, ms(100)),
        (Ended { code: Code::Aborted, ..ANSWERED }, ms(100)),
        (Ended { code: Code::Internal, ..ANSWERED }, never),
        (Ended { committed: true, ..ANSWERED }, Stop(Some(Why::Committed))),
        (Ended { committed: true, code: Code::Internal, ..ANSWERED }, never),
        // nobody can tell whether it ran
        (BROKEN, never),
        // no connection was there, and it need not be asked for in vain
        (Ended { by: By::Other, reached: No, origin: Origin::Local, advice: Retry::Safe, ..ANSWERED }, ms(100)),
        (Ended { by: By::Other, reached: No, origin: Origin::Local, advice: Retry::Fix, ..ANSWERED }, never),
        (Ended { by: By::Time, code: Code::DeadlineExceeded, reached: No, origin: Origin::Local, ..ANSWERED }, ms(100)),
        (Ended { by: By::Time, code: Code::DeadlineExceeded, origin: Origin::Local, ..BROKEN }, never),
        // nobody can tell what stood behind an answer that is not gRPC, or behind a status that is an intermediary's
        (FOREIGN, never),
        (Ended { advice: Retry::Delay, ..FOREIGN }, never),
        (Ended { origin: Origin::Intermediary, reached: Maybe, ..ANSWERED }, never),
        // it was processed, and what came of it cannot be read
        (Ended { by: By::Other, origin: Origin::PeerTransport, ..ANSWERED }, never),
        (Ended { by: By::Transport, origin: Origin::PeerTransport, ..ANSWERED }, never),
        // a status whose sender cannot be told is as good as the service's
        (Ended { origin: Origin::PeerTransport, ..ANSWERED }, ms(100)),
    ] {
        assert_eq!(decide(ended, History::default(), rules, CALM), expected, "{ended:?}");
    }
    let idempotent = Rules { idempotent: true, ..rules };
    for ended in [BROKEN, FOREIGN, Ended { by: By::Other, origin: Origin::PeerTransport, ..ANSWERED }] {
        assert_eq!(decide(ended, History::default(), idempotent, CALM), ms(100), "{ended:?}");
    }
    assert_eq!(decide(Ended { advice: Retry::Fix, ..BROKEN }, History::default(), idempotent, CALM), never);
}

#[test]
fn waits_grow_and_are_spread() {
    let policy = policy();
    let wait = |waits, jitter| {
        let history = History { waits, ..History::default() };
        decide(ANSWERED, history, rules(Policy::Configured(&policy)), Surroundings { jitter, ..CALM })
    };
    assert_eq!([0, 1, 2, 3].map(|n| wait(n, 1.0)), [100, 200, 300, 300].map(ms));
    assert_eq!([wait(0, 0.8), wait(2, 1.2), wait(u32::MAX, 1.0)], [80, 360, 300].map(ms));
    let info = Ended { not_before: Duration::from_millis(250), ..ANSWERED };
    let with_info = |waits| {
        let history = History { waits, ..History::default() };
        decide(info, history, rules(Policy::Configured(&policy)), CALM)
    };
    assert_eq!([with_info(0), with_info(2)], [ms(250), ms(300)], "a floor, not a ceiling");
}

#[test]
fn the_servers_word_counts_more_than_the_policys() {
    let policy = policy();
    let rules = rules(Policy::Configured(&policy));
    let pushed = |pushback| Ended { by: By::Status(pushback), ..ANSWERED };
    let after = pushed(Pushback::After(Duration::from_millis(7)));
    let late = History { attempts: 3, waits: 2, unprocessed: 0 };
    assert_eq!(decide(after, late, rules, CALM), ms(7));
    let next = late.after(after, ms(7));
    assert_eq!((next.attempts, next.waits), (4, 0), "and the waits start over");
    assert_eq!(decide(after, next, rules, CALM), Stop(Some(Why::Attempts)), "it lifts no limit");
    assert_eq!(decide(pushed(Pushback::Never), late, rules, CALM), Stop(Some(Why::Pushback)));
    assert!(costs_a_token(pushed(Pushback::Never), late, rules));
    let other = Ended { code: Code::NotFound, ..after };
    assert_eq!(decide(other, late, rules, CALM), Stop(Some(Why::NotRetryable)), "nor does it add a code");
    assert!(!costs_a_token(other, late, rules));
}

#[test]
fn attempts_budget_and_deadline_end_it() {
    let mut policy = policy();
    let at = |attempts| History { attempts, ..History::default() };
    let with =
        |policy: &RetryPolicy, history, around| decide(ANSWERED, history, rules(Policy::Configured(policy)), around);
    assert_eq!(with(&policy, at(3), CALM), ms(100));
    assert_eq!(with(&policy, at(4), CALM), Stop(Some(Why::Attempts)));
    assert_eq!(with(&policy, at(1), Surroundings { throttled: true, ..CALM }), Stop(Some(Why::Throttled)));
    let left = |ms| Surroundings { remaining: Some(Duration::from_millis(ms)), ..CALM };
    assert_eq!(with(&policy, at(1), left(100)), Stop(Some(Why::Deadline)));
    assert_eq!(with(&policy, at(1), left(101)), ms(100));
    policy.max_attempts = 99;
    assert_eq!(with(&policy, at(4), CALM), ms(100));
    assert_eq!(with(&policy, at(5), CALM), Stop(Some(Why::Attempts)), "the channel's own limit");
}

#[test]
fn transparent_attempts_count_nowhere() {
    let unprocessed = Ended { reached: Unprocessed, ..BROKEN };
    let history = History::default().after(unprocessed, Transparent);
    assert_eq!((history.attempts, history.waits, history.unprocessed), (1, 0, 1));
    let retried = history.after(ANSWERED, ms(1));
    assert_eq!((retried.attempts, retried.waits, retried.unprocessed), (2, 1, 1));
    assert_eq!(retried.after(ANSWERED, Stop(None)).attempts, 2);
}
