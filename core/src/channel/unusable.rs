//! What calls on a channel end with whose controller is gone.
use crate::failure::{Evidence, Failure, Phase, Reached, ShownTarget, Situation, Unusable, diagnose};

/// The program closed it.
pub(super) fn closed(target: &ShownTarget) -> Failure {
    failure(Evidence::Unusable { why: Unusable::Closed }, target)
}

/// The controller panicked.
pub(super) fn broken(target: &ShownTarget, site: &'static str) -> Failure {
    failure(Evidence::Core { site }, target)
}

fn failure(evidence: Evidence, target: &ShownTarget) -> Failure {
    let situation = Situation {
        reached: Some(Reached::No),
        phase: Some(Phase::Pick),
        target: Some(target.clone()),
        ..Situation::default()
    };
    diagnose(evidence, situation)
}
