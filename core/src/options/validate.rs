//! Ranges and combinations that the types do not rule out.
use super::{
    ChannelOptions, ProxyUrl,
    fault::invalid,
    names::is_dns_name,
    proxy::{PROXY_FORM, PROXY_OFF},
};
use crate::failure::Evidence;
use std::{borrow::Cow, net::SocketAddr};

impl ChannelOptions {
    /// Checks everything that can be checked without I/O.
    ///
    /// # Errors
    /// `OPTION_INVALID` or `TLS_CONFIG_INVALID` that names the first bad field.
    pub fn validate(&self) -> Result<(), Evidence> {
        self.check_sizes()?;
        self.check_times()?;
        self.check_names()?;
        self.service_config.as_ref().map_or(Ok(()), |config| config.validate())?;
        if let Some(tls) = &self.tls
            && tls.cert_pem.is_none()
            && tls.key_pem.is_some()
        {
            return Err(Evidence::TlsMaterial {
                field: "tls.cert_pem".into(),
                reason: "is missing beside tls.key_pem".into(),
            });
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), Evidence> {
        const MESSAGE: u64 = u32::MAX as u64;
        at_most("max_receive_message_bytes", self.max_receive_message_bytes, MESSAGE)?;
        at_most("max_send_message_bytes", self.max_send_message_bytes.unwrap_or(0), MESSAGE)?;
        at_least("retry.max_attempts", u64::from(self.retry.max_attempts), 1)?;
        at_most("retry.max_attempts", u64::from(self.retry.max_attempts), 100)?;
        // above this h2 itself ends the connection
        at_most("max_metadata_bytes", u64::from(self.max_metadata_bytes), 1 << 20)
    }

    fn check_times(&self) -> Result<(), Evidence> {
        const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;
        let backoff = &self.backoff;
        if self.reconnect_window_ms > 0 && !(1000..=10_000).contains(&self.reconnect_window_ms) {
            let reason = "must be 0 or from 1000 to 10000";
            return Err(out_of_range("reconnect_window_ms", self.reconnect_window_ms, reason));
        }
        at_least("max_connections_per_subchannel", self.max_connections_per_subchannel.into(), 1)?;
        at_least("connect_timeout_ms", self.connect_timeout_ms, 1)?;
        at_least("idle_timeout_ms", self.idle_timeout_ms, 1000)?;
        at_least("backoff.initial_ms", backoff.initial_ms, 1)?;
        at_least("backoff.max_ms", backoff.max_ms, backoff.initial_ms)?;
        for (field, value) in [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("idle_timeout_ms", self.idle_timeout_ms),
            ("backoff.max_ms", backoff.max_ms),
            ("dns.min_interval_ms", self.dns.min_interval_ms),
            ("dns.refresh_ms", self.dns.refresh_ms),
        ] {
            at_most(field, value, YEAR_MS)?;
        }
        if let Some(keepalive) = &self.keepalive {
            at_least("keepalive.time_ms", keepalive.time_ms, 1)?;
            at_most("keepalive.time_ms", keepalive.time_ms, YEAR_MS)?;
            at_least("keepalive.timeout_ms", keepalive.timeout_ms, 1)?;
            at_most("keepalive.timeout_ms", keepalive.timeout_ms, YEAR_MS)?;
        }
        if !(1.0..=100.0).contains(&backoff.multiplier) {
            return Err(out_of_range("backoff.multiplier", backoff.multiplier, "must be from 1 to 100"));
        }
        if !(0.0..=1.0).contains(&backoff.jitter) {
            return Err(out_of_range("backoff.jitter", backoff.jitter, "must be from 0 to 1"));
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), Evidence> {
        for (i, server) in self.dns.servers.iter().enumerate() {
            if server.parse::<SocketAddr>().is_err() {
                return Err(invalid(format!("dns.servers[{i}]"), "must be ip:port"));
            }
        }
        for (i, domain) in self.dns.search_domains.iter().enumerate() {
            if !is_dns_name(domain) {
                return Err(invalid(format!("dns.search_domains[{i}]"), "must be a DNS name"));
            }
        }
        if let Some(agent) = &self.user_agent
            && (agent.is_empty() || !agent.bytes().all(|b| (0x20..=0x7e).contains(&b)))
        {
            return Err(invalid("user_agent", "must be printable ASCII and not empty"));
        }
        if let Some(authority) = &self.authority
            && authority.parse::<http::uri::Authority>().is_err()
        {
            return Err(invalid("authority", "must be host or host:port"));
        }
        self.check_proxy()
    }

    fn check_proxy(&self) -> Result<(), Evidence> {
        match &self.proxy {
            Some(proxy) if proxy.expose() != PROXY_OFF && ProxyUrl::parse(proxy.expose()).is_none() => {
                Err(invalid("proxy", PROXY_FORM))
            }
            _ => Ok(()),
        }
    }
}

fn at_least(field: &'static str, value: u64, least: u64) -> Result<(), Evidence> {
    if value < least {
        return Err(out_of_range(field, value, format!("must be at least {least}")));
    }
    Ok(())
}

fn at_most(field: &'static str, value: u64, most: u64) -> Result<(), Evidence> {
    if value > most {
        return Err(out_of_range(field, value, format!("must be at most {most}")));
    }
    Ok(())
}

fn out_of_range(field: &'static str, value: impl ToString, reason: impl Into<Cow<'static, str>>) -> Evidence {
    Evidence::Option { field: field.into(), value: Some(value.to_string()), reason: reason.into() }
}
