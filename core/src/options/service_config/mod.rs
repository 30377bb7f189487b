//! The gRPC service config (doc/service_config.md): read whole, unknown fields ignored, a bad one rejected with the JSON
//! path of what is wrong (gRFC A21).
mod balancing;
mod reader;
mod retrying;
#[cfg(test)]
mod tests;

pub use balancing::{
    FailurePercentageEjection, LeastRequestConfig, LoadBalancing, OutlierDetectionConfig, PickFirstConfig,
    SuccessRateEjection,
};
pub use retrying::{CallRetry, HedgingPolicy, RetryPolicy, RetryThrottling, StatusCodes};

use super::fault::invalid;
use crate::failure::Evidence;
use reader::At;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;
use std::{collections::HashSet, sync::Arc, time::Duration};

/// How errors name the document.
pub(crate) const SERVICE_CONFIG: &str = "service_config";
const ROOT: &str = SERVICE_CONFIG;

/// A parsed service config.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceConfig {
    /// How calls are spread over the addresses (gRFC A24). Absent: `pick_first`.
    #[serde(serialize_with = "balancing::as_list", skip_serializing_if = "Option::is_none")]
    pub load_balancing_config: Option<LoadBalancing>,
    /// Settings of groups of methods.
    pub method_config: Vec<MethodConfig>,
    /// Asks each server whether it serves (gRFC A17). Has an effect with every policy but `pick_first`.
    pub health_check_config: Option<HealthCheckConfig>,
    /// The budget of retries and hedges of the whole channel (gRFC A6). Absent: none.
    pub retry_throttling: Option<RetryThrottling>,
    /// More connections to a server that limits the calls on each (gRFC A105).
    pub connection_scaling: Option<ConnectionScaling>,
}

/// Client-side health checking (gRFC A17).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckConfig {
    /// The service to ask about; empty: the server as a whole. Absent: no health checking.
    pub service_name: Option<String>,
}

/// Connection scaling (gRFC A105).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionScaling {
    /// Most connections to one address, as far as the channel's own limit allows. Default: 1.
    pub max_connections_per_subchannel: Option<u32>,
}

/// Settings of the methods that `name` lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodConfig {
    /// The methods meant.
    pub name: Vec<MethodName>,
    /// Longest time of a call, as protobuf writes a duration: `1.5s`.
    pub timeout: Option<String>,
    /// Wait for a connection instead of failing.
    pub wait_for_ready: Option<bool>,
    /// Largest request in bytes.
    pub max_request_message_bytes: Option<u64>,
    /// Largest response in bytes.
    pub max_response_message_bytes: Option<u64>,
    /// What follows a failed attempt (gRFC A6). Excludes `hedging_policy`.
    pub retry_policy: Option<Arc<RetryPolicy>>,
    /// Attempts that race (gRFC A6). Excludes `retry_policy`.
    pub hedging_policy: Option<Arc<HedgingPolicy>>,
    /// Running a request twice does no harm: it may be sent again although the server may have seen it. Ours; other
    /// clients ignore it. Default: false.
    pub idempotent: Option<bool>,
}

/// One method, all methods of a service (`method` empty), or all (`service` empty too).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodName {
    /// Full service name, `pkg.Service`.
    pub service: String,
    /// Method name without the service.
    pub method: String,
}

impl ServiceConfig {
    /// The settings of `/pkg.Service/Method`: exact name first, then its service, then the default.
    pub fn method(&self, path: &str) -> Option<&MethodConfig> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let find = |s: &str, m: &str| {
            self.method_config.iter().find(|c| c.name.iter().any(|n| n.service == s && n.method == m))
        };
        find(service, method).or_else(|| find(service, "")).or_else(|| find("", ""))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// `OPTION_INVALID` that names the path of what is wrong, such as `service_config.methodConfig[0].timeout`.
    pub fn from_value(document: &Value) -> Result<Self, Evidence> {
        let top = At::root(ROOT, document).object()?;
        let method_config = top.list("methodConfig")?.iter().map(method).collect::<Result<Vec<_>, _>>()?;
        check_unique(&method_config)?;
        Ok(ServiceConfig {
            load_balancing_config: balancing::read(&top)?,
            method_config,
            health_check_config: top.child("healthCheckConfig")?.map(|at| health_check(&at)).transpose()?,
            retry_throttling: top.child("retryThrottling")?.map(|at| retrying::throttling(&at)).transpose()?,
            connection_scaling: top.child("connectionScaling")?.map(|at| scaling(&at)).transpose()?,
        })
    }

    /// Checks a config that a program built, as one that was read has been.
    pub(super) fn validate(&self) -> Result<(), Evidence> {
        match serde_json::to_value(self) {
            Ok(document) => Self::from_value(&document).map(|_| ()),
            Err(_) => Err(invalid(ROOT, "cannot be written as JSON")),
        }
    }
}

impl<'de> Deserialize<'de> for ServiceConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let document = Value::deserialize(from)?;
        Self::from_value(&document).map_err(|_| D::Error::custom("not a service config"))
    }
}

impl MethodConfig {
    /// `timeout` as a duration; checked when the config was read.
    pub fn timeout(&self) -> Option<Duration> {
        reader::parse_duration(self.timeout.as_deref()?)
    }
}

fn health_check(at: &At<'_>) -> Result<HealthCheckConfig, Evidence> {
    Ok(HealthCheckConfig { service_name: at.text("serviceName")? })
}

fn scaling(at: &At<'_>) -> Result<ConnectionScaling, Evidence> {
    let most = at.uint("maxConnectionsPerSubchannel", u32::MAX)?;
    if most == Some(0) {
        return Err(at.wrong("maxConnectionsPerSubchannel", "must be at least 1"));
    }
    Ok(ConnectionScaling { max_connections_per_subchannel: most })
}

fn method(at: &At<'_>) -> Result<MethodConfig, Evidence> {
    let at = at.object()?;
    at.duration("timeout")?;
    let (retry_policy, hedging_policy) = retrying::policies(&at)?;
    Ok(MethodConfig {
        name: at.list("name")?.iter().map(name).collect::<Result<_, _>>()?,
        timeout: at.text("timeout")?,
        wait_for_ready: at.boolean("waitForReady")?,
        max_request_message_bytes: at.size("maxRequestMessageBytes")?,
        max_response_message_bytes: at.size("maxResponseMessageBytes")?,
        retry_policy,
        hedging_policy,
        idempotent: at.boolean("idempotent")?,
    })
}

fn name(at: &At<'_>) -> Result<MethodName, Evidence> {
    let at = at.object()?;
    let name =
        MethodName { service: at.text("service")?.unwrap_or_default(), method: at.text("method")?.unwrap_or_default() };
    if name.service.is_empty() && !name.method.is_empty() {
        return Err(at.wrong("service", "must be set when method is"));
    }
    Ok(name)
}

/// Two settings for one method would leave open which of them holds.
fn check_unique(configs: &[MethodConfig]) -> Result<(), Evidence> {
    let mut seen = HashSet::new();
    for (i, config) in configs.iter().enumerate() {
        for (j, name) in config.name.iter().enumerate() {
            if !seen.insert(name) {
                return Err(invalid(format!("{ROOT}.methodConfig[{i}].name[{j}]"), "is there twice"));
            }
        }
    }
    Ok(())
}
