//! The states of one address (doc/connectivity-semantics-and-api.md; with several connections, gRFC A105), as a pure
//! function.

/// As many connections as one call may lose before it gives up: where many servers behind one address leave at the same
/// time, it comes to one that stays.
const FORGIVEN: u8 = 5;

/// Where an address is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Connections that take calls.
    pub(super) connections: u32,
    pub(super) attempt: Attempt,
    /// Connections in a row that went without having proved that there is a server, as far as that is counted.
    pub(super) unproved: u8,
    /// Given up for good.
    pub(super) over: bool,
}

/// One at a time, however many connections there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    None,
    Dialling,
    /// The last one failed, and the next may not begin yet.
    Resting,
}

/// What the policy is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Idle,
    Connecting,
    Ready,
    Failed,
}

impl State {
    pub(super) const IDLE: State = State { connections: 0, attempt: Attempt::None, unproved: 0, over: false };

    pub(super) fn readiness(self) -> Readiness {
        match (self.connections, self.attempt) {
            (1.., _) => Readiness::Ready,
            (0, Attempt::Dialling) => Readiness::Connecting,
            (0, Attempt::Resting) => Readiness::Failed,
            (0, Attempt::None) => Readiness::Idle,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Somebody needs a connection.
    Wanted,
    /// Calls wait for room on the connections that there are, and there may be this many.
    Crowded { most: u32 },
    /// The peer's SETTINGS are applied.
    Connected,
    /// The attempt failed.
    Failed,
    /// A connection answered a call, or outlived the wait that would have followed had it failed.
    Proved,
    /// A connection takes no new calls: GOAWAY, or it broke.
    Gone { proved: bool },
    /// The wait after a failed attempt is over.
    BackoffOver,
    /// The program asks for no waiting.
    BackoffReset,
    /// Every path may lead nowhere now.
    NetworkChanged,
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
    /// Let go of every connection: calls go on, and none are added.
    Release,
}

/// One step. A pair that does not occur in the table changes nothing: events may cross on their way.
pub(super) fn step(state: State, event: Event) -> (State, &'static [Effect]) {
    use Attempt::{Dialling, None, Resting};
    if state.over {
        return (state, &[]);
    }
    let with = |attempt| State { attempt, ..state };
    let fewer = state.connections.saturating_sub(1);
    match (event, state.attempt) {
        // Only on demand: an address that nobody calls costs nothing.
        (Event::Wanted, None) if state.connections == 0 => (with(Dialling), &[Effect::Dial]),
        (Event::Crowded { most }, None) if (1..most).contains(&state.connections) => (with(Dialling), &[Effect::Dial]),

        // SETTINGS, not the mere TCP connection, show that a server is there. That it serves is another thing: a peer that
        // sends them and leaves would be connected to without end if they reset the waits.
        (Event::Connected, Dialling) => (State { connections: state.connections + 1, ..with(None) }, &[]),
        (Event::Proved, _) => (State { unproved: 0, ..state }, &[Effect::ForgetFailures]),
        (Event::Failed, Dialling) => (with(Resting), &[Effect::Wait]),

        // Then each counts as a failed attempt.
        (Event::Gone { proved: false }, None) if state.unproved >= FORGIVEN => {
            (State { connections: fewer, ..with(Resting) }, &[Effect::Wait])
        }
        // Reconnecting is the policy's decision, which may prefer another address.
        (Event::Gone { proved: true }, _) => (State { connections: fewer, unproved: 0, ..state }, &[]),
        (Event::Gone { proved: false }, _) => {
            (State { connections: fewer, unproved: FORGIVEN.min(state.unproved + 1), ..state }, &[])
        }

        (Event::BackoffOver, Resting) => (with(None), &[]),
        (Event::BackoffReset, Resting) => {
            (State { unproved: 0, ..with(None) }, &[Effect::StopWaiting, Effect::ForgetFailures])
        }
        // The attempt goes on; should it fail, the wait after it is short.
        (Event::BackoffReset, Dialling) => (State { unproved: 0, ..state }, &[Effect::ForgetFailures]),

        // An attempt on the old network would only end with its time.
        (Event::NetworkChanged, Dialling) => (
            State { connections: 0, unproved: 0, ..state },
            &[Effect::Release, Effect::Abandon, Effect::ForgetFailures, Effect::Dial],
        ),
        (Event::NetworkChanged, _) => (State::IDLE, &[Effect::Release, Effect::StopWaiting, Effect::ForgetFailures]),

        (Event::Dropped, _) => {
            (State { over: true, ..State::IDLE }, &[Effect::Release, Effect::Abandon, Effect::StopWaiting])
        }

        _ => (state, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Attempt::{Dialling, None, Resting},
        Effect as X, Event as E, FORGIVEN, Readiness, State, step,
    };

    const EVENTS: [E; 12] = [
        E::Wanted,
        E::Crowded { most: 1 },
        E::Crowded { most: 2 },
        E::Connected,
        E::Failed,
        E::Proved,
        E::Gone { proved: true },
        E::Gone { proved: false },
        E::BackoffOver,
        E::BackoffReset,
        E::NetworkChanged,
        E::Dropped,
    ];

    #[test]
    fn the_table_is_whole() {
        let end = State { over: true, ..State::IDLE };
        let (leave, drop) =
            (&[X::Release, X::StopWaiting, X::ForgetFailures][..], &[X::Release, X::Abandon, X::StopWaiting][..]);
        let redial = &[X::Release, X::Abandon, X::ForgetFailures, X::Dial][..];
        for unproved in [0, 1, FORGIVEN] {
            let s = |connections, attempt| State { connections, attempt, unproved, over: false };
            let trusted = |state| State { unproved: 0, ..state };
            let mut changes: Vec<(State, E, State, &[X])> = vec![
                (s(0, None), E::Wanted, s(0, Dialling), &[X::Dial]),
                (s(1, None), E::Crowded { most: 2 }, s(1, Dialling), &[X::Dial]),
            ];
            for n in 0..=2 {
                let fewer = u32::saturating_sub(n, 1);
                changes.extend([
                    (s(n, Dialling), E::Connected, s(n + 1, None), &[][..]),
                    (s(n, Dialling), E::Failed, s(n, Resting), &[X::Wait]),
                    (s(n, Dialling), E::BackoffReset, trusted(s(n, Dialling)), &[X::ForgetFailures]),
                    (s(n, Resting), E::BackoffOver, s(n, None), &[]),
                    (s(n, Resting), E::BackoffReset, trusted(s(n, None)), &[X::StopWaiting, X::ForgetFailures]),
                    (s(n, None), E::NetworkChanged, State::IDLE, leave),
                    (s(n, Resting), E::NetworkChanged, State::IDLE, leave),
                    (s(n, Dialling), E::NetworkChanged, trusted(s(0, Dialling)), redial),
                ]);
                if unproved == FORGIVEN {
                    changes.push((s(n, None), E::Gone { proved: false }, s(fewer, Resting), &[X::Wait]));
                }
                for attempt in [None, Dialling, Resting] {
                    let gone = s(fewer, attempt);
                    changes.extend([
                        (s(n, attempt), E::Proved, trusted(s(n, attempt)), &[X::ForgetFailures][..]),
                        (s(n, attempt), E::Gone { proved: true }, trusted(gone), &[]),
                        (
                            s(n, attempt),
                            E::Gone { proved: false },
                            State { unproved: FORGIVEN.min(unproved + 1), ..gone },
                            &[],
                        ),
                        (s(n, attempt), E::Dropped, end, drop),
                    ]);
                }
            }
            for n in 0..=2 {
                for attempt in [None, Dialling, Resting] {
                    for event in EVENTS {
                        let state = s(n, attempt);
                        let expected = changes.iter().find(|(from, on, ..)| (*from, *on) == (state, event));
                        let expected = expected.map_or((state, &[] as &[X]), |(_, _, to, effects)| (*to, effects));
                        assert_eq!(step(state, event), expected, "{state:?} on {event:?}");
                    }
                }
            }
        }
        assert!(EVENTS.iter().all(|event| step(end, *event) == (end, &[])), "the end is final");
    }

    fn run(events: &[E]) -> (State, Vec<X>) {
        let mut done = Vec::new();
        let after = events.iter().fold(State::IDLE, |state, event| {
            let (next, effects) = step(state, *event);
            done.extend(effects);
            next
        });
        (after, done)
    }

    #[test]
    fn settings_reset_no_wait_and_connections_that_prove_nothing_become_failures() {
        const LOST: [E; 3] = [E::Wanted, E::Connected, E::Gone { proved: false }];
        const KEPT: [E; 4] = [E::Wanted, E::Connected, E::Proved, E::Gone { proved: true }];
        let forgiven = LOST.repeat(FORGIVEN.into());
        let (state, effects) = run(&forgiven);
        assert_eq!((state.readiness(), effects), (Readiness::Idle, vec![X::Dial; FORGIVEN.into()]));
        let (state, effects) = run(&[&forgiven[..], &LOST].concat());
        assert_eq!((state.readiness(), effects.last()), (Readiness::Failed, Some(&X::Wait)));
        assert_eq!(step(state, E::Wanted), (state, &[][..]), "not before the wait is over");
        let (state, effects) = run(&[&forgiven[..], &LOST, &[E::BackoffOver], &LOST].concat());
        assert_eq!((state.readiness(), effects.ends_with(&[X::Wait, X::Dial, X::Wait])), (Readiness::Failed, true));
        let (state, effects) = run(&[&forgiven[..], &KEPT, &LOST].concat());
        assert_eq!((state.readiness(), effects.contains(&X::Wait)), (Readiness::Idle, false));
    }

    #[test]
    fn a_connection_counts_more_than_an_attempt() {
        for (connections, attempt, expected) in [
            (0, None, Readiness::Idle),
            (0, Dialling, Readiness::Connecting),
            (0, Resting, Readiness::Failed),
            (1, None, Readiness::Ready),
            (2, Dialling, Readiness::Ready),
            (1, Resting, Readiness::Ready),
        ] {
            assert_eq!(State { connections, attempt, ..State::IDLE }.readiness(), expected);
        }
    }
}
