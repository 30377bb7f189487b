use std::time::Duration;

/// When to ask a silent peer whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keepalive {
    /// Silence before a ping.
    pub(crate) time: Duration,
    /// Silence after a ping that ends the connection.
    pub(crate) timeout: Duration,
    /// Ping also while no call is in flight.
    pub(crate) without_calls: bool,
    /// Present: nobody asked for pings, so they stay within what every server allows. A call has to have waited for `time`
    /// itself, and pings are this far apart unless the peer sent headers or data in between.
    pub(crate) spacing: Option<Duration>,
}

impl Keepalive {
    /// Of a program that configures none. grpc-go's server closes a connection at the fourth ping that follows the last
    /// within five minutes, and forgets them when it sends headers or data.
    pub(crate) const UNASKED: Keepalive = Keepalive {
        time: Duration::from_secs(30),
        timeout: Duration::from_secs(20),
        without_calls: false,
        spacing: Some(Duration::from_secs(300)),
    };

    /// For the connections after one that was closed because of `too_many_pings`.
    pub(crate) fn calmer(self) -> Keepalive {
        let double = |time: Duration| time.saturating_mul(2);
        Keepalive { time: double(self.time), spacing: self.spacing.map(double), ..self }
    }
}
