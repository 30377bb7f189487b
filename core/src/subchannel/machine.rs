//! The states of one address (doc/connectivity-semantics-and-api.md), as a pure function.

/// Where an address is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing is open and nobody asked.
    Idle,
    /// An attempt is under way.
    Connecting,
    /// There is a connection that takes calls.
    Ready,
    /// The last attempt failed, and the next may not begin yet.
    Backoff,
    /// Given up for good.
    Shutdown,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Somebody needs a connection.
    Wanted,
    /// The peer's SETTINGS are applied.
    Connected,
    /// The attempt failed.
    Failed,
    /// The connection takes no new calls: GOAWAY, or it broke.
    Gone,
    /// The wait after a failed attempt is over.
    BackoffOver,
    /// The program asks for no waiting.
    BackoffReset,
    /// The address is not wanted any more.
    Dropped,
}

/// What has to be done, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Begin an attempt.
    Dial,
    /// End the attempt that is under way.
    Abandon,
    /// Let `BackoffOver` come when the wait that began with the attempt is over.
    Wait,
    /// Let it not come.
    StopWaiting,
    /// The next wait is the shortest.
    ForgetFailures,
    /// Let go of the connection: its calls go on, it takes no new ones.
    Release,
}

/// One step. A pair that does not occur in the table changes nothing: events may cross on their way.
pub(super) fn step(state: State, event: Event) -> (State, &'static [Effect]) {
    match (state, event) {
        // Idle => Connecting
        // Only on demand: an address that nobody calls costs nothing.
        (State::Idle, Event::Wanted) => (State::Connecting, &[Effect::Dial]),

        // Connecting => Ready
        // SETTINGS, not the mere TCP connection, prove that a server is there; only they reset the waits.
        (State::Connecting, Event::Connected) => (State::Ready, &[Effect::ForgetFailures]),

        // Connecting => Backoff
        (State::Connecting, Event::Failed) => (State::Backoff, &[Effect::Wait]),

        // Connecting => Connecting
        // The attempt goes on; should it fail, the wait after it is short.
        (State::Connecting, Event::BackoffReset) => (State::Connecting, &[Effect::ForgetFailures]),

        // Ready => Idle
        // Reconnecting is the policy's decision, which may prefer another address.
        (State::Ready, Event::Gone) => (State::Idle, &[Effect::Release]),

        // Backoff => Idle
        (State::Backoff, Event::BackoffOver) => (State::Idle, &[]),
        (State::Backoff, Event::BackoffReset) => (State::Idle, &[Effect::StopWaiting, Effect::ForgetFailures]),

        // (Connecting | Ready | Backoff | Idle) => Shutdown
        (State::Connecting, Event::Dropped) => (State::Shutdown, &[Effect::Abandon]),
        (State::Ready, Event::Dropped) => (State::Shutdown, &[Effect::Release]),
        (State::Backoff, Event::Dropped) => (State::Shutdown, &[Effect::StopWaiting]),
        (State::Idle, Event::Dropped) => (State::Shutdown, &[]),

        (state, _) => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect as X, Event as E, State as S, step};

    const STATES: [S; 5] = [S::Idle, S::Connecting, S::Ready, S::Backoff, S::Shutdown];
    const EVENTS: [E; 7] = [E::Wanted, E::Connected, E::Failed, E::Gone, E::BackoffOver, E::BackoffReset, E::Dropped];

    #[test]
    fn the_table_is_whole() {
        let changes: &[(S, E, S, &[X])] = &[
            (S::Idle, E::Wanted, S::Connecting, &[X::Dial]),
            (S::Idle, E::Dropped, S::Shutdown, &[]),
            (S::Connecting, E::Connected, S::Ready, &[X::ForgetFailures]),
            (S::Connecting, E::Failed, S::Backoff, &[X::Wait]),
            (S::Connecting, E::BackoffReset, S::Connecting, &[X::ForgetFailures]),
            (S::Connecting, E::Dropped, S::Shutdown, &[X::Abandon]),
            (S::Ready, E::Gone, S::Idle, &[X::Release]),
            (S::Ready, E::Dropped, S::Shutdown, &[X::Release]),
            (S::Backoff, E::BackoffOver, S::Idle, &[]),
            (S::Backoff, E::BackoffReset, S::Idle, &[X::StopWaiting, X::ForgetFailures]),
            (S::Backoff, E::Dropped, S::Shutdown, &[X::StopWaiting]),
        ];
        for state in STATES {
            for event in EVENTS {
                let expected = changes.iter().find(|(from, on, ..)| (*from, *on) == (state, event));
                let expected = expected.map_or((state, &[] as &[X]), |(_, _, to, effects)| (*to, effects));
                assert_eq!(step(state, event), expected, "{state:?} on {event:?}");
            }
        }
    }

    #[test]
    fn the_end_is_final() {
        assert!(EVENTS.iter().all(|event| step(S::Shutdown, *event) == (S::Shutdown, &[])));
    }
}
