//! The small closed vocabularies of the record, spelled as `docs/failures.md` prints them.

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$word_meta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The spelling in the record.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value that is spelled so.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// The layer that failed, in the order in which a call falls through them.
    Layer {
        /// The target, the options, the arguments of the call, this library.
        Config = "config",
        /// Name resolution.
        Resolve = "resolve",
        /// TCP or a Unix socket.
        Tcp = "tcp",
        /// The HTTP CONNECT proxy.
        Proxy = "proxy",
        /// TLS.
        Tls = "tls",
        /// HTTP/2.
        Http2 = "http2",
        /// gRPC framing and the HTTP answer around it.
        Grpc = "grpc",
        /// Limits of this process.
        Limits = "limits",
        /// Call credentials, before they were sent.
        Credentials = "credentials",
        /// The service itself.
        Application = "application",
        /// The deadline of the call.
        Deadline = "deadline",
        /// The caller's own cancellation.
        Cancel = "cancel",
    }
}

words! {
    /// Who has to act.
    Category {
        /// Certificates, credentials, permissions. Never retried, never called a network fault.
        Security = "security",
        /// The path between here and the server.
        Network = "network",
        /// The server, or what runs in front of it.
        Server = "server",
        /// This program.
        Client = "client",
        /// The set-up: an address, an option, a route, a version.
        Config = "config",
    }
}

words! {
    /// Who said that the call failed.
    Origin {
        /// This process decided it.
        Local = "local",
        /// The peer's TLS, HTTP/2 or gRPC layer.
        PeerTransport = "peer_transport",
        /// A proxy or gateway that answered instead of the service.
        Intermediary = "intermediary",
        /// The service, by a grpc-status of its own.
        PeerApp = "peer_app",
    }
}

words! {
    /// Whether trying again helps, and is harmless.
    Retry {
        /// Yes: the request was provably not processed.
        Safe = "safe",
        /// Yes, after a wait.
        Delay = "delay",
        /// Only if running the method twice is harmless.
        Idempotent = "idempotent",
        /// No: something has to change first.
        Fix = "fix",
        /// No.
        Never = "never",
    }
}

words! {
    /// Whether the request reached the server.
    Reached {
        /// No byte of it did.
        No = "no",
        /// It was on the wire, and the server proved that it did not process it.
        Unprocessed = "unprocessed",
        /// Nobody can tell.
        Maybe = "maybe",
        /// Yes.
        Yes = "yes",
    }
}

words! {
    /// What a call was doing.
    Phase {
        /// Waiting for addresses.
        Resolve = "resolve",
        /// Waiting for the load-balancing policy to choose a connection.
        Pick = "pick",
        /// Talking to the CONNECT proxy.
        Proxy = "proxy",
        /// Connecting the socket.
        Connect = "connect",
        /// The TLS handshake.
        Tls = "tls",
        /// Waiting for the peer's HTTP/2 SETTINGS.
        Settings = "settings",
        /// Waiting for call credentials.
        Credentials = "credentials",
        /// Waiting for a free stream on the connection.
        StreamSlot = "stream_slot",
        /// Sending the request.
        Send = "send",
        /// The request is sent, no response headers yet.
        AwaitHeaders = "await_headers",
        /// Receiving the response.
        Receive = "receive",
        /// Waiting before the next attempt.
        Backoff = "backoff",
    }
}

words! {
    /// Where a deadline came from.
    DeadlineSource {
        /// The call set it.
        Call = "call",
        /// The channel's default.
        Default = "default",
        /// A server handler's own deadline, passed on.
        Inherited = "inherited",
        /// The service config's `timeout`.
        ServiceConfig = "service_config",
    }
}

words! {
    /// Why there was no further attempt.
    RetryStopped {
        /// The allowed attempts are used up.
        Attempts = "attempts",
        /// The channel's retry throttle is closed (gRFC A6).
        Throttled = "throttled",
        /// The call was committed: response headers came, or the replay buffer is full (gRFC A6).
        Committed = "committed",
        /// The server asked for no retry.
        Pushback = "pushback",
        /// No time left.
        Deadline = "deadline",
        /// The failure is not one that a retry may answer.
        NotRetryable = "not_retryable",
    }
}

words! {
    /// What became of `grpc-status-details-bin`.
    DetailsState {
        /// The peer sent none.
        Absent = "absent",
        /// Decoded.
        Decoded = "decoded",
        /// Not base64, or not a `google.rpc.Status`.
        Malformed = "malformed",
        /// Its code or message differs from grpc-status and grpc-message, which win.
        Mismatch = "mismatch",
    }
}
