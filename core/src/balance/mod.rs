//! Which connection a call gets.
//!
//! A [`Policy`] is a pure state machine: events in, effects out, no I/O, no clock. It publishes a [`Picker`], which calls
//! ask through the [`PickerCell`] without touching the policy or the task that runs it. `pick_first` is the one policy so
//! far; others join in [`policy`].
mod cell;
mod pick_first;
#[cfg(test)]
mod tests;

pub use crate::subchannel::ConnectivityState;
pub(crate) use cell::{PickerCell, Waiting};

use crate::{
    failure::Failure,
    subchannel::{Status, SubId},
    transport::{Address, Connection},
};
use std::{fmt, sync::Arc};

/// Chooses among connections. Asked for every call, from any thread.
pub(crate) trait Picker: Send + Sync {
    fn pick(&self) -> PickResult;
}

/// What a picker says.
#[derive(Clone, Debug)]
pub(crate) enum PickResult {
    Pick(Connection),
    /// Not now: ask the next picker.
    Queue,
    /// Not now either, and a call that does not wait for READY fails with this.
    Fail(Failure),
}

/// Decides which addresses are connected to, and what calls get.
pub(crate) trait Policy: Send + fmt::Debug {
    /// One step. The effects are to be carried out in order; what they bring about comes back as events.
    fn on(&mut self, event: Event) -> Vec<Effect>;
}

/// What a policy hears.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The resolver's answer: never empty.
    Resolved(Vec<Address>),
    /// The resolver failed; what it said before still stands.
    Unresolved(Failure),
    /// A subchannel changed.
    Changed(SubId, Status),
    /// A call, or the program, needs a connection.
    ExitIdle,
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

/// The policy of a channel.
pub(crate) fn policy() -> Box<dyn Policy> {
    Box::new(pick_first::PickFirst::default())
}

/// Lets every call wait.
#[derive(Debug)]
pub(crate) struct Queueing;

impl Picker for Queueing {
    fn pick(&self) -> PickResult {
        PickResult::Queue
    }
}

/// Lets every call fail.
#[derive(Debug)]
pub(crate) struct Failing(pub(crate) Failure);

impl Picker for Failing {
    fn pick(&self) -> PickResult {
        PickResult::Fail(self.0.clone())
    }
}
