//! Whether a failed attempt is followed by another (gRFC A6): what has to be known, kept and decided.
//!
//! `policy::decide` is the one decision of attempts that follow each other, `hedge` that of attempts that race; both are
//! pure. `throttle` is the budget of a server name, and `replay` keeps what a further attempt has to send again.
mod hedge;
mod policy;
mod replay;
mod throttle;

pub(crate) use hedge::{Hedge, Verdict};
pub(crate) use policy::{
    By, Decision, Ended, History, Policy, Rules, Surroundings, costs_a_token, decide, is_repeated,
};
pub(crate) use replay::{Budget, Replay};
pub(crate) use throttle::{Throttle, throttle};
