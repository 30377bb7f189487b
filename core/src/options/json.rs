//! The JSON form of the options: parsed with the path of what is wrong, keys and passwords beside it.
use super::{ChannelOptions, SERVICE_CONFIG, Secret, ServiceConfig, TlsOptions, fault::invalid, form};
use crate::failure::{Evidence, Failure};
use serde_json::Value;

/// What crosses beside the JSON document, so that it is in no JSON text that somebody logs.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// PEM private key of the client certificate.
    pub tls_key_pem: Option<Secret<String>>,
}

impl ChannelOptions {
    /// Reads the document of a language binding. An absent key is its default.
    ///
    /// # Errors
    /// `OPTION_INVALID` that names the field by its path (`keepalive.time_ms`) and says what is accepted.
    pub fn from_json(document: &str) -> Result<Self, Evidence> {
        let value: Value = serde_json::from_str(document)
            .map_err(|e| invalid("options", format!("is not JSON: line {} column {}", e.line(), e.column())))?;
        let Value::Object(map) = value else {
            return Err(invalid("options", "must be a JSON object"));
        };
        // `"tls": null` is plaintext on purpose; an absent key is TLS. serde alone cannot tell them apart.
        let plaintext = map.get("tls").is_some_and(Value::is_null);
        let map = form::check(map)?;
        // serde's own error would not say where it is.
        map.get(SERVICE_CONFIG).map(ServiceConfig::from_value).transpose()?;
        let read = serde_json::from_value(Value::Object(map));
        let mut options: Self = read.map_err(|_| invalid("options", "cannot be read"))?;
        if plaintext {
            options.tls = None;
        }
        options.validate()?;
        Ok(options)
    }

    /// [`ChannelOptions::from_json`] for those who want the failure at once.
    ///
    /// # Errors
    /// OPTION_INVALID, TLS_CONFIG_INVALID.
    pub fn parse(document: &str) -> Result<Self, Failure> {
        Self::from_json(document).map_err(Failure::from)
    }

    /// Adds what crossed beside the document.
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        if let Some(key) = secrets.tls_key_pem {
            self.tls.get_or_insert_with(TlsOptions::default).key_pem = Some(key);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(document: &str) -> String {
        match ChannelOptions::from_json(document) {
            Err(Evidence::Option { field, .. } | Evidence::TlsMaterial { field, .. }) => field.into_owned(),
            other => panic!("expected a bad option, got {other:?}"),
        }
    }

    #[test]
    fn absent_tls_is_system_roots_and_null_is_plaintext() {
        assert_eq!(ChannelOptions::from_json("{}").unwrap().tls, Some(TlsOptions::default()));
        assert_eq!(ChannelOptions::from_json(r#"{"tls":null}"#).unwrap().tls, None);
    }

    #[test]
    fn a_bad_field_is_named() {
        assert_eq!(field(r#"{"nope":1}"#), "nope");
        assert_eq!(field(r#"{"keepalive":{"time_ms":"x"}}"#), "keepalive.time_ms");
        assert_eq!(field(r#"{"keepalive":{"tiem_ms":1}}"#), "keepalive.tiem_ms");
        assert_eq!(field(r#"{"backoff":{"jitter":2}}"#), "backoff.jitter");
        assert_eq!(field(r#"{"backoff":{"multiplier":0.5}}"#), "backoff.multiplier");
        assert_eq!(field(r#"{"max_receive_message_bytes":-1}"#), "max_receive_message_bytes");
        assert_eq!(field(r#"{"compression":"br"}"#), "compression");
        assert_eq!(field(r#"{"dns":{"servers":["nowhere"]}}"#), "dns.servers[0]");
        assert_eq!(field(r#"{"proxy":"https://p:1"}"#), "proxy");
        assert_eq!(field(r#"{"no_proxy":"a"}"#), "no_proxy");
        assert_eq!(field(r#"{"reconnect_window_ms":999}"#), "reconnect_window_ms");
        assert_eq!(field(r#"{"reconnect_window_ms":10001}"#), "reconnect_window_ms");
        assert_eq!(field(r#"{"max_connections_per_subchannel":0}"#), "max_connections_per_subchannel");
        assert_eq!(field("[]"), "options");
        assert_eq!(field("{"), "options");
    }

    #[test]
    fn a_secret_is_in_no_output() {
        let proxy = Some(Secret::new("socks://u:canary@p:1".to_owned()));
        let options = ChannelOptions { proxy, ..ChannelOptions::default() };
        let refused = options.validate().unwrap_err();
        assert!(!format!("{refused:?}").contains("canary"));
        let options = options.with_secrets(Secrets { tls_key_pem: Some(Secret::new("canary".into())) });
        assert!(!format!("{options:?}").contains("canary"));
        assert!(!serde_json::to_string(&options).unwrap().contains("canary"));
    }
}
