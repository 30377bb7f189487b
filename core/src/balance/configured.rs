//! The policies by the names that a service config has for them.
use super::{Policy, outlier, pick_first, spread};
use crate::{clock::Jitter, options::LoadBalancing};

/// The policy that a service config asks for. With `health_checks` each server is asked before it gets calls, unless the
/// policy is `pick_first` (gRFC A17).
pub(crate) fn policy(config: &LoadBalancing, health_checks: bool) -> Box<dyn Policy> {
    let jitter = Jitter::random();
    match config {
        LoadBalancing::PickFirst(config) => Box::new(pick_first::PickFirst::new(*config, jitter)),
        LoadBalancing::RoundRobin {} => Box::new(spread::Spread::round_robin(health_checks)),
        LoadBalancing::LeastRequest(config) => Box::new(spread::Spread::least_request(*config, health_checks)),
        LoadBalancing::OutlierDetection(config) => {
            let child = policy(&config.child_policy, health_checks);
            Box::new(outlier::OutlierDetection::new(config.clone(), child, jitter))
        }
    }
}

/// Whether servers are asked for their health under this policy.
pub(crate) fn checks_health(config: &LoadBalancing) -> bool {
    match config {
        LoadBalancing::PickFirst(_) => false,
        LoadBalancing::OutlierDetection(config) => checks_health(&config.child_policy),
        _ => true,
    }
}
