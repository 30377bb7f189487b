//! The flags that the document gives to clients.
use crate::Result;
use causewire::{
    Channel, ChannelOptions,
    options::{ServiceConfig, TlsOptions},
};
use std::{str::FromStr, time::Duration};

/// The CA of gRPC's interop tests.
const TEST_CA: &str = include_str!("../ca.pem");

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) test_case: String,
    server_host: String,
    server_port: u16,
    server_host_override: Option<String>,
    use_tls: bool,
    use_test_ca: bool,
    service_config: Option<ServiceConfig>,
    pub(crate) soak: Soak,
}

/// The `soak_` flags.
#[derive(Clone, Debug)]
pub(crate) struct Soak {
    pub(crate) iterations: u32,
    pub(crate) max_failures: u32,
    pub(crate) max_latency: Duration,
    pub(crate) min_time_between_rpcs: Duration,
    pub(crate) overall_timeout: Duration,
    pub(crate) request_size: usize,
    pub(crate) response_size: i32,
    pub(crate) threads: u32,
}

impl Default for Arguments {
    fn default() -> Self {
        Arguments {
            test_case: "large_unary".into(),
            server_host: "localhost".into(),
            server_port: 8080,
            server_host_override: None,
            use_tls: false,
            use_test_ca: false,
            service_config: None,
            soak: Soak {
                iterations: 10,
                max_failures: 0,
                max_latency: Duration::from_secs(1),
                min_time_between_rpcs: Duration::ZERO,
                overall_timeout: Duration::from_secs(10),
                request_size: 271_828,
                response_size: 314_159,
                threads: 1,
            },
        }
    }
}

impl Arguments {
    /// Reads `--name=value` flags.
    pub(crate) fn parse(given: impl Iterator<Item = String>) -> Result<Self> {
        let mut all = Arguments::default();
        for flag in given {
            let (name, value) =
                flag.strip_prefix("--").and_then(|f| f.split_once('=')).ok_or("flags are --name=value")?;
            match name {
                "test_case" => all.test_case = value.into(),
                "server_host" => all.server_host = value.into(),
                "server_port" => all.server_port = read(name, value)?,
                "server_host_override" => all.server_host_override = Some(value.into()),
                "use_tls" => all.use_tls = read(name, value)?,
                "use_test_ca" => all.use_test_ca = read(name, value)?,
                "service_config_json" => all.service_config = Some(serde_json::from_str(value)?),
                "soak_iterations" => all.soak.iterations = read(name, value)?,
                "soak_max_failures" => all.soak.max_failures = read(name, value)?,
                "soak_per_iteration_max_acceptable_latency_ms" => {
                    all.soak.max_latency = Duration::from_millis(read(name, value)?);
                }
                "soak_min_time_ms_between_rpcs" => {
                    all.soak.min_time_between_rpcs = Duration::from_millis(read(name, value)?);
                }
                "soak_overall_timeout_seconds" => all.soak.overall_timeout = Duration::from_secs(read(name, value)?),
                "soak_request_size" => all.soak.request_size = read(name, value)?,
                "soak_response_size" => all.soak.response_size = read(name, value)?,
                "soak_num_threads" => all.soak.threads = read(name, value)?,
                _ => return Err(format!("--{name} is no flag of this client").into()),
            }
        }
        Ok(all)
    }

    /// A new channel to the server.
    pub(crate) fn channel(&self) -> Result<Channel> {
        let options = ChannelOptions {
            tls: self.tls(),
            authority: self.server_host_override.clone(),
            service_config: self.service_config.clone(),
            ..Default::default()
        };
        Ok(Channel::builder(self.target()).options(options).build()?)
    }

    pub(crate) fn target(&self) -> String {
        format!("{}:{}", self.server_host, self.server_port)
    }

    fn tls(&self) -> Option<TlsOptions> {
        let ca_pem = self.use_test_ca.then(|| TEST_CA.into());
        self.use_tls.then(|| TlsOptions { ca_pem, ..TlsOptions::default() })
    }
}

fn read<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| format!("--{name} cannot be {value}").into())
}
