//! `loadBalancingConfig` (gRFC A24): a list of which the first known policy counts.
use super::reader::{At, as_text};
use crate::failure::Evidence;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// Beside them the names under which other implementations have the last two.
const KNOWN: &str = "pick_first, round_robin, least_request, outlier_detection";

/// How calls are spread over the addresses.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoadBalancing {
    /// All calls go to the first address that answers (gRFC A62).
    PickFirst(PickFirstConfig),
    /// Calls go to all addresses in turn.
    RoundRobin {},
    /// Calls go to the less busy of some addresses (gRFC A48).
    LeastRequest(LeastRequestConfig),
    /// Addresses at which too many calls fail are left out for a while (gRFC A50).
    OutlierDetection(Box<OutlierDetectionConfig>),
}

/// Settings of `pick_first` (gRFC A62).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PickFirstConfig {
    /// Try the addresses in a random order. Default: false.
    pub shuffle_address_list: bool,
}

/// Settings of `least_request` (gRFC A48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeastRequestConfig {
    /// Addresses compared for each call: from 2 to 10. Default: 2.
    pub choice_count: u32,
}

/// Settings of `outlier_detection` (gRFC A50).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlierDetectionConfig {
    /// Time between two looks at the counts. Default: 10 s; below 10 ms counts as 10 ms.
    #[serde(serialize_with = "as_text")]
    pub interval: Duration,
    /// An address is left out for this long, times the number of times that it was. Default: 30 s.
    #[serde(serialize_with = "as_text")]
    pub base_ejection_time: Duration,
    /// The longest time that an address is left out; never less than the base. Default: 300 s.
    #[serde(serialize_with = "as_text")]
    pub max_ejection_time: Duration,
    /// Share of the addresses that may be left out at a time, in percent; one always may. Default: 10.
    pub max_ejection_percent: u32,
    /// Leave out addresses whose success rate is far below that of the others. Absent: not.
    pub success_rate_ejection: Option<SuccessRateEjection>,
    /// Leave out addresses at which more than a share of the calls fails. Absent: not.
    pub failure_percentage_ejection: Option<FailurePercentageEjection>,
    /// The policy that chooses among the others; not `outlier_detection` again.
    #[serde(serialize_with = "as_list_of_one")]
    pub child_policy: LoadBalancing,
}

/// Settings of the success rate algorithm (gRFC A50).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SuccessRateEjection {
    /// Distance from the mean, in thousandths of the standard deviation. Default: 1900.
    pub stdev_factor: u32,
    /// Chance that an outlier is left out, in percent. Default: 100.
    pub enforcement_percentage: u32,
    /// Addresses that need enough calls before any is judged. Default: 5.
    pub minimum_hosts: u32,
    /// Calls in one interval that are enough. Default: 100.
    pub request_volume: u32,
}

/// Settings of the failure percentage algorithm (gRFC A50).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailurePercentageEjection {
    /// Share of failed calls that is still accepted, in percent. Default: 85.
    pub threshold: u32,
    /// Chance that an outlier is left out, in percent. Default: 100.
    pub enforcement_percentage: u32,
    /// Addresses that need enough calls before any is judged. Default: 5.
    pub minimum_hosts: u32,
    /// Calls in one interval that are enough. Default: 50.
    pub request_volume: u32,
}

impl Default for LoadBalancing {
    fn default() -> Self {
        LoadBalancing::PickFirst(PickFirstConfig::default())
    }
}

impl Default for LeastRequestConfig {
    fn default() -> Self {
        LeastRequestConfig { choice_count: 2 }
    }
}

impl Default for OutlierDetectionConfig {
    fn default() -> Self {
        OutlierDetectionConfig {
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_percent: 10,
            success_rate_ejection: None,
            failure_percentage_ejection: None,
            child_policy: LoadBalancing::RoundRobin {},
        }
    }
}

impl Default for SuccessRateEjection {
    fn default() -> Self {
        SuccessRateEjection { stdev_factor: 1900, enforcement_percentage: 100, minimum_hosts: 5, request_volume: 100 }
    }
}

impl Default for FailurePercentageEjection {
    fn default() -> Self {
        FailurePercentageEjection { threshold: 85, enforcement_percentage: 100, minimum_hosts: 5, request_volume: 50 }
    }
}

/// `loadBalancingConfig`, or the name in the deprecated `loadBalancingPolicy`.
pub(super) fn read(top: &At<'_>) -> Result<Option<LoadBalancing>, Evidence> {
    if top.has("loadBalancingConfig") {
        return choose(top, "loadBalancingConfig").map(Some);
    }
    match top.text("loadBalancingPolicy")?.map(|name| name.to_ascii_lowercase()).as_deref() {
        None | Some("") => Ok(None),
        Some("pick_first") => Ok(Some(LoadBalancing::default())),
        Some("round_robin") => Ok(Some(LoadBalancing::RoundRobin {})),
        Some(_) => Err(top.wrong("loadBalancingPolicy", "must be pick_first or round_robin")),
    }
}

fn choose(at: &At<'_>, key: &str) -> Result<LoadBalancing, Evidence> {
    for entry in at.list(key)? {
        let entry = entry.object()?;
        let mut fields = entry.fields();
        let (Some((name, config)), None) = (fields.next(), fields.next()) else {
            return Err(entry.refused("must have exactly one policy"));
        };
        if let Some(policy) = policy(name, &config)? {
            return Ok(policy);
        }
    }
    Err(at.wrong(key, format!("must list a policy that is known: {KNOWN}")))
}

/// `None`: a name that only others know.
fn policy(name: &str, config: &At<'_>) -> Result<Option<LoadBalancing>, Evidence> {
    let config = || config.object();
    Ok(Some(match name {
        "pick_first" => LoadBalancing::PickFirst(PickFirstConfig {
            shuffle_address_list: config()?.boolean("shuffleAddressList")?.unwrap_or(false),
        }),
        "round_robin" => {
            config()?;
            LoadBalancing::RoundRobin {}
        }
        "least_request" | "least_request_experimental" => LoadBalancing::LeastRequest(least_request(&config()?)?),
        "outlier_detection" | "outlier_detection_experimental" => {
            LoadBalancing::OutlierDetection(Box::new(outlier_detection(&config()?)?))
        }
        _ => return Ok(None),
    }))
}

fn least_request(at: &At<'_>) -> Result<LeastRequestConfig, Evidence> {
    let count = at.uint("choiceCount", u32::MAX)?.unwrap_or(LeastRequestConfig::default().choice_count);
    if count < 2 {
        return Err(at.wrong("choiceCount", "must be at least 2"));
    }
    Ok(LeastRequestConfig { choice_count: count.min(10) })
}

fn outlier_detection(at: &At<'_>) -> Result<OutlierDetectionConfig, Evidence> {
    let base = OutlierDetectionConfig::default();
    let child_policy = choose(at, "childPolicy")?;
    if matches!(child_policy, LoadBalancing::OutlierDetection(_)) {
        return Err(at.wrong("childPolicy", "must be another policy"));
    }
    Ok(OutlierDetectionConfig {
        interval: at.duration("interval")?.unwrap_or(base.interval),
        base_ejection_time: at.duration("baseEjectionTime")?.unwrap_or(base.base_ejection_time),
        max_ejection_time: at.duration("maxEjectionTime")?.unwrap_or(base.max_ejection_time),
        max_ejection_percent: at.uint("maxEjectionPercent", 100)?.unwrap_or(base.max_ejection_percent),
        success_rate_ejection: at.child("successRateEjection")?.map(|at| success_rate(&at)).transpose()?,
        failure_percentage_ejection: at
            .child("failurePercentageEjection")?
            .map(|at| failure_percentage(&at))
            .transpose()?,
        child_policy,
    })
}

fn success_rate(at: &At<'_>) -> Result<SuccessRateEjection, Evidence> {
    let base = SuccessRateEjection::default();
    Ok(SuccessRateEjection {
        stdev_factor: at.uint("stdevFactor", u32::MAX)?.unwrap_or(base.stdev_factor),
        enforcement_percentage: at.uint("enforcementPercentage", 100)?.unwrap_or(base.enforcement_percentage),
        minimum_hosts: at.uint("minimumHosts", u32::MAX)?.unwrap_or(base.minimum_hosts),
        request_volume: at.uint("requestVolume", u32::MAX)?.unwrap_or(base.request_volume),
    })
}

fn failure_percentage(at: &At<'_>) -> Result<FailurePercentageEjection, Evidence> {
    let base = FailurePercentageEjection::default();
    Ok(FailurePercentageEjection {
        threshold: at.uint("threshold", 100)?.unwrap_or(base.threshold),
        enforcement_percentage: at.uint("enforcementPercentage", 100)?.unwrap_or(base.enforcement_percentage),
        minimum_hosts: at.uint("minimumHosts", u32::MAX)?.unwrap_or(base.minimum_hosts),
        request_volume: at.uint("requestVolume", u32::MAX)?.unwrap_or(base.request_volume),
    })
}

// --- writing

pub(super) fn as_list<S: Serializer>(policy: &Option<LoadBalancing>, to: S) -> Result<S::Ok, S::Error> {
    policy.as_slice().serialize(to)
}

fn as_list_of_one<S: Serializer>(policy: &LoadBalancing, to: S) -> Result<S::Ok, S::Error> {
    [policy].serialize(to)
}
