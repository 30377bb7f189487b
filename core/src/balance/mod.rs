//! Which connection a call gets.
//!
//! A [`Policy`] is a pure state machine: events in, effects out, no I/O, no clock. It publishes a [`Picker`], which calls
//! ask through the [`PickerCell`] without touching the policy or the task that runs it. `pick_first` stays with one
//! address; `spread` has a connection to each and serves `round_robin` and `least_request`; `outlier` wraps either.
mod addresses;
mod cell;
mod configured;
mod handover;
mod load;
mod outlier;
mod pick_first;
mod spread;
#[cfg(test)]
mod tests;
mod verdict;

pub use crate::subchannel::ConnectivityState;
pub(crate) use cell::{PickerCell, Waiting};
pub(crate) use configured::{checks_health, policy};
pub(crate) use handover::Handover;
pub(crate) use load::Charge;

use crate::{
    clock::Instant,
    failure::Failure,
    health::Health,
    subchannel::{Lane, Status, SubId},
    transport::Address,
};
use load::Load;
use std::{fmt, sync::Arc};

/// Chooses among connections. Asked for every call, from any thread: no lock, no allocation.
pub(crate) trait Picker: Send + Sync {
    fn pick(&self) -> PickResult;
}

/// What a picker says.
#[derive(Debug)]
pub(crate) enum PickResult {
    Pick(Picked),
    /// Not now: ask the next picker.
    Queue,
    /// Not now either, and a call that does not wait for READY fails with this.
    Fail(Failure),
}

/// What a call gets.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) lane: Lane,
    /// Where the policy counts the call, if it does.
    pub(crate) charge: Option<Charge>,
}

/// Decides which addresses are connected to, and what calls get.
pub(crate) trait Policy: Send + fmt::Debug {
    /// One step. The effects are to be carried out in order; what they bring about comes back as events.
    fn on(&mut self, event: Event, now: Instant) -> Vec<Effect>;

    /// When it wants to hear [`Event::Tick`].
    fn due(&self) -> Option<Instant>;
}

/// What a policy hears.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The resolver's answer: never empty.
    Resolved(Vec<Endpoint>),
    /// The resolver failed; what it said before still stands.
    Unresolved(Failure),
    /// A subchannel changed.
    Changed(SubId, Status),
    /// The server behind a connected subchannel said how it is.
    Health(SubId, Health),
    /// Too many calls failed there; absent: it may take calls again.
    Ejected(SubId, Option<Failure>),
    /// A call, or the program, needs a connection.
    ExitIdle,
    /// The time that [`Policy::due`] named has come.
    Tick,
}

/// One server. No resolver can say that two addresses are the same one, so each address is.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// What an outer policy counts here.
    load: Option<Arc<Load>>,
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Endpoint { address, load: None }
    }
}

/// What a policy wants done.
#[derive(Clone)]
pub(crate) enum Effect {
    /// Make a subchannel, idle.
    Create(SubId, Address),
    /// Connect it, if it is idle.
    Connect(SubId),
    /// Let go of it; its calls go on.
    Drop(SubId),
    /// Look the name up again, when that is allowed.
    Resolve,
    /// Tell the calls.
    Publish(Update),
}

/// What the calls are to know.
#[derive(Clone)]
pub(crate) struct Update {
    pub(crate) state: ConnectivityState,
    pub(crate) picker: Arc<dyn Picker>,
    /// What stands in the way, as far as it is known: a deadline that passes meanwhile carries it.
    pub(crate) problem: Option<Failure>,
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Create(SubId(id), address) => write!(f, "create {id} {address}"),
            Effect::Connect(SubId(id)) => write!(f, "connect {id}"),
            Effect::Drop(SubId(id)) => write!(f, "drop {id}"),
            Effect::Resolve => f.write_str("resolve"),
            Effect::Publish(update) => write!(f, "publish {}", update.state),
        }
    }
}

/// Lets every call wait.
#[derive(Debug)]
pub(crate) struct Queueing;

impl Picker for Queueing {
    fn pick(&self) -> PickResult {
        PickResult::Queue
    }
}

/// Lets every call fail, with a failure that is complete but for what only the call knows.
#[derive(Debug)]
pub(crate) struct Failing(pub(crate) Failure);

/// The failure of a call that found the channel in this state. Made where the state is published, not for each call.
pub(crate) fn in_state(mut failure: Failure, state: ConnectivityState) -> Failure {
    failure.record_mut().channel_state = Some(state.as_str().into());
    failure
}

impl Failing {
    /// For calls that do not wait until the channel is READY again.
    fn in_transient_failure(problem: &Failure) -> Failing {
        Failing(in_state(problem.clone(), ConnectivityState::TransientFailure))
    }
}

impl Picker for Failing {
    fn pick(&self) -> PickResult {
        PickResult::Fail(self.0.clone())
    }
}
