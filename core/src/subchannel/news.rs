use crate::{
    failure::Evidence,
    transport::{Connection, DialFailed, DialPhase},
};

/// Names a subchannel among those of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SubId(pub(crate) u64);

/// What a subchannel's task tells the controller. `attempt` tells an attempt from the ones before it.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) id: SubId,
    pub(crate) attempt: u64,
    pub(crate) news: News,
}

/// See [`Signal`].
#[derive(Debug)]
pub(crate) enum News {
    /// The attempt entered a phase.
    Entered(DialPhase),
    Dialled(Result<Connection, Box<DialFailed>>),
    /// The connection takes no new calls, because of a GOAWAY or because it ended; calls in flight may go on. `None`: this
    /// side drains it.
    Gone(Option<Evidence>),
    /// Calls wait for room on all connections of the address.
    Crowded,
}
