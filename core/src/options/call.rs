//! Options of one call. They are on the hot path and never cross as JSON.
use super::{fault::invalid, service_config::CallRetry};
use crate::{
    compress::Compression,
    failure::{Evidence, Failure},
};
use std::time::Duration;

/// What one call asks for beside its method and messages.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// Time for the whole call, from now to the last trailer. `None`: no deadline. Zero: already past.
    pub timeout: Option<Duration>,
    /// Wait for a connection instead of failing while the channel cannot connect (doc/wait-for-ready.md).
    pub wait_for_ready: Option<bool>,
    /// Compression of this call's requests instead of the channel's.
    pub compression: Option<Compression>,
    /// The `:authority` of this call instead of the channel's. Over TLS the server's certificate must carry it.
    pub authority: Option<String>,
    /// Running the request twice does no harm: it may be sent again although the server may have seen it.
    pub idempotent: bool,
    /// What follows a failed attempt, instead of what the service config says.
    pub retry: CallRetry,
}

/// A timeout as languages give it. Infinite: none. Zero: already past.
///
/// # Errors
/// OPTION_INVALID `deadline_ms` for a negative number or NaN.
pub fn timeout_from_ms(ms: f64) -> Result<Option<Duration>, Failure> {
    if ms.is_nan() || ms < 0.0 {
        let reason = "must be a number of milliseconds from 0".into();
        return Err(Evidence::Option { field: "deadline_ms".into(), value: Some(ms.to_string()), reason }.into());
    }
    Ok(Duration::try_from_secs_f64(ms / 1000.0).ok())
}

/// A compression by its name.
///
/// # Errors
/// OPTION_INVALID `compression` for a name that this build does not know.
pub fn compression_from_name(name: &str) -> Result<Compression, Failure> {
    let unknown = || {
        let known: Vec<_> = Compression::ALL.iter().map(|c| c.name()).collect();
        Failure::from(invalid("compression", format!("must be one of {}", known.join(", "))))
    };
    Compression::parse(name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_checked() {
        assert_eq!(timeout_from_ms(1.5), Ok(Some(Duration::from_micros(1500))));
        assert_eq!(timeout_from_ms(0.0), Ok(Some(Duration::ZERO)));
        assert_eq!(timeout_from_ms(f64::INFINITY), Ok(None));
        for bad in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            let failure = timeout_from_ms(bad).unwrap_err();
            assert_eq!(failure.cause(), crate::failure::Cause::OptionInvalid);
        }
    }
}
