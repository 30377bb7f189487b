//! The one table of causes. Documentation and the types of every language are generated from it by `cargo xtask gen`.
//!
//! Numbers and names are append-only. `vary` after a value says that it is a default which evidence may override.
//! A hint is one sentence or two: `{key}` is a key of the evidence or of the record, `{key|text}` has a stand-in, and
//! `[…]` is left out when a key inside it is absent. It must read well with every address and name missing, because
//! the public rendering leaves those out.
use super::{Category, Code, Layer, Origin, Reached, Retry};

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseInfo {
    /// Stable number.
    pub id: u16,
    /// Stable name.
    pub name: &'static str,
    /// The layer that failed.
    pub layer: Layer,
    /// Who has to act.
    pub category: Category,
    /// Evidence may change the category.
    pub category_varies: bool,
    /// The gRPC status code.
    pub code: Code,
    /// Evidence, or the peer's own status, may change the code.
    pub code_varies: bool,
    /// Whether trying again helps.
    pub retry: Retry,
    /// Evidence may change the retry advice.
    pub retry_varies: bool,
    /// Whether the request reached the server.
    pub reached: Reached,
    /// Evidence may change it.
    pub reached_varies: bool,
    /// Who said so.
    pub origin: Origin,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// Template of the advice.
    pub hint: &'static str,
    /// Keys that its evidence may have, in their order in the record.
    pub evidence: &'static [&'static str],
}

macro_rules! varies {
    () => {
        false
    };
    (vary) => {
        true
    };
}

macro_rules! causes {
    ($(
        $id:literal $variant:ident $name:literal $layer:ident
        $category:ident $($category_vary:ident)?, $code:ident $($code_vary:ident)?,
        $retry:ident $($retry_vary:ident)?, $reached:ident $($reached_vary:ident)?, $origin:ident;
        $meaning:literal;
        $hint:literal;
        [$($key:ident)*]
    )+) => {
        /// Why a call failed. New causes may be added; existing numbers and names never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Cause { $(#[doc = $meaning] $variant = $id,)+ }

        impl Cause {
            /// Every cause, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The row of the table.
            pub const fn info(self) -> &'static CauseInfo {
                match self {
                    $(Self::$variant => &CauseInfo {
                        id: $id,
                        name: $name,
                        layer: Layer::$layer,
                        category: Category::$category,
                        category_varies: varies!($($category_vary)?),
                        code: Code::$code,
                        code_varies: varies!($($code_vary)?),
                        retry: Retry::$retry,
                        retry_varies: varies!($($retry_vary)?),
                        reached: Reached::$reached,
                        reached_varies: varies!($($reached_vary)?),
                        origin: Origin::$origin,
                        meaning: $meaning,
                        hint: $hint,
                        evidence: &[$(stringify!($key),)*],
                    },)+
                }
            }

            /// The cause of this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

causes! {
    101 TargetInvalid "TARGET_INVALID" Config Config, Internal, Fix, No, Local;
    "The target string does not name a server.";
    "The target[ `{target}`] is not valid[: {reason}]. Use `host:port` or `dns:///host:port`.";
    [target reason]

    102 OptionInvalid "OPTION_INVALID" Config Config, Internal, Fix, No, Local;
    "An option is out of range or of the wrong form.";
    "Option `{field|options}`[ = {value}] is not allowed[: {reason}].";
    [field value reason]

    103 TlsConfigInvalid "TLS_CONFIG_INVALID" Config Config, Internal, Fix, No, Local;
    "A certificate, key or list of roots cannot be used.";
    "TLS material `{field|tls}` is unusable[: {reason}]. Nothing was sent to the server.";
    [field reason]

    104 RequestInvalid "REQUEST_INVALID" Config Client, Internal, Fix, No, Local;
    "An argument of the call cannot be sent.";
    "The request could not be encoded: `{field|request}` {reason|is not valid}.";
    [field reason]

    105 ChannelUnusable "CHANNEL_UNUSABLE" Config Client, Cancelled, Never, No vary, Local;
    "The channel was closed, or belongs to the process that this one was forked from.";
    "The channel is {state|closed}; create a new one in this process.";
    [state]

    106 CoreFault "CORE_FAULT" Config Client, Internal, Never, Maybe, Local;
    "A bug in this library.";
    "Bug in this library[ ({site})]. Please report it; the process is safe.";
    [site]

    201 NameNotFound "NAME_NOT_FOUND" Resolve Config, Unavailable, Safe, No, Local;
    "DNS answered, and has no address for the name.";
    "DNS has no address for {host|the server's name}[ ({answer})]. Check the name, the search domain, and that the service exists.";
    [host answer]

    202 ResolverFailed "RESOLVER_FAILED" Resolve Network, Unavailable, Safe, No, Local;
    "The resolver did not give a usable answer.";
    "The resolver failed for {host|the server's name}[: {problem}]. The name may be right; name resolution is not answering.";
    [host problem]

    203 ServiceConfigInvalid "SERVICE_CONFIG_INVALID" Resolve Config, Unavailable, Fix, No, Local;
    "The service config that came with the addresses is not valid, and there is no earlier one to go on with.";
    "Name resolution brought a service config that is not valid: `{field|service_config}` {reason|cannot be used}. Correct it where it is published.";
    [field reason]

    301 ConnectRefused "CONNECT_REFUSED" Tcp Network, Unavailable, Safe, No, Local;
    "Nothing listens on the address.";
    "Nothing listens on {address|the server's address}. Is the server up, is the port right?";
    [address errno errno_name resolved_age_ms]

    302 ConnectTimeout "CONNECT_TIMEOUT" Tcp Network, Unavailable, Safe, No, Local;
    "The address did not answer in time.";
    "No answer from {address|the server's address}[ in {waited_ms} ms]: a firewall drops the packets, or the address is dead.";
    [address waited_ms errno errno_name resolved_age_ms]

    303 NetworkUnreachable "NETWORK_UNREACHABLE" Tcp Network, Unavailable, Safe, No, Local;
    "This host has no way to the address.";
    "This host has no route to {address|the server}[ ({errno_name})]. Check the network and the VPN.";
    [address errno errno_name resolved_age_ms]

    304 ConnectBlockedLocally "CONNECT_BLOCKED_LOCALLY" Tcp Config, Unavailable, Fix, No, Local;
    "This machine forbids the connection.";
    "This machine forbids the connection[ ({errno_name})]: a local firewall or sandbox. It is not a permission of the server.";
    [address errno errno_name resolved_age_ms]

    305 PeerClosedEarly "PEER_CLOSED_EARLY" Tcp Server, Unavailable, Safe, No vary, PeerTransport;
    "The peer accepted the connection and closed it before HTTP/2 began.";
    "{address|The server} accepted, then closed before HTTP/2 started: a load balancer without a backend, an IP allow-list, or TLS is expected.";
    [address errno errno_name resolved_age_ms]

    306 ConnectionLost "CONNECTION_LOST" Tcp Network, Unavailable, Idempotent vary, Maybe vary, PeerTransport;
    "The connection broke during the call.";
    "The connection[ to {address}] broke[ ({how})] during the call.";
    [address how errno errno_name]

    307 KeepaliveTimeout "KEEPALIVE_TIMEOUT" Tcp Network, Unavailable, Idempotent vary, Maybe vary, Local;
    "The peer stopped answering keepalive pings, or the kernel's own probes.";
    "{address|The server} stopped answering[ pings for {waited_ms} ms]: a dead path or a frozen peer. The next call uses a new connection.";
    [address waited_ms errno errno_name]

    401 ProxyUnreachable "PROXY_UNREACHABLE" Proxy Network, Unavailable, Safe, No, Local;
    "The CONNECT proxy cannot be reached.";
    "The proxy[ {proxy}] cannot be reached[: {problem}].[ It was set by {source}.]";
    [proxy problem errno errno_name source]

    402 ProxyDenied "PROXY_DENIED" Proxy Security, Unavailable, Fix, No, Intermediary;
    "The CONNECT proxy refused the tunnel for reasons of policy or credentials.";
    "The proxy[ {proxy}] refused CONNECT[ with HTTP {http_status}]. Check the proxy's credentials and policy, or no_proxy.[ It was set by {source}.]";
    [proxy http_status source]

    403 ProxyFailed "PROXY_FAILED" Proxy Network, Unavailable, Safe, No, Intermediary;
    "The CONNECT proxy could not open the tunnel.";
    "The proxy[ {proxy}] could not open a tunnel[ to {target}][: {problem}][ (HTTP {http_status})].[ It was set by {source}.]";
    [proxy problem http_status source]

    501 TlsCertExpired "TLS_CERT_EXPIRED" Tls Security, Unavailable, Fix, No, Local;
    "The server's certificate has expired.";
    "Server certificate expired[ {not_after}][ ({age} ago)][; local time {now}]. Renew it; a retry will not help.";
    [problem expected names subject issuer not_before not_after chain_length roots now resolved_age_ms]

    502 TlsCertNotYetValid "TLS_CERT_NOT_YET_VALID" Tls Security, Unavailable, Fix, No, Local;
    "The server's certificate is not valid yet, or the local clock is behind.";
    "Server certificate is valid from {not_before|a later time}[; local time {now}]. Check this machine's clock.";
    [problem expected names subject issuer not_before not_after chain_length roots now resolved_age_ms]

    503 TlsNameMismatch "TLS_NAME_MISMATCH" Tls Security, Unavailable, Fix, No, Local;
    "The server's certificate is for another name.";
    "The certificate is for {names|another name}, not for {expected|this server}. Wrong host, or the certificate lacks a subject alternative name.";
    [problem expected names subject issuer not_before not_after chain_length roots now resolved_age_ms]

    504 TlsUntrustedIssuer "TLS_UNTRUSTED_ISSUER" Tls Security, Unavailable, Fix, No, Local;
    "The server's certificate chain does not end at a trusted authority.";
    "The certificate chain does not end at a trusted CA[ ({problem})][; {roots} roots are loaded].";
    [problem expected names subject issuer not_before not_after chain_length roots now resolved_age_ms]

    505 TlsCertUnacceptable "TLS_CERT_UNACCEPTABLE" Tls Security, Unavailable, Fix, No, Local;
    "The server's certificate cannot be used: wrong purpose, revoked, malformed or weak.";
    "The server's certificate is unusable[: {problem}].";
    [problem expected names subject issuer not_before not_after chain_length roots now resolved_age_ms]

    506 TlsClientCertRequired "TLS_CLIENT_CERT_REQUIRED" Tls Security, Unavailable, Fix, No vary, PeerTransport;
    "The server requires a client certificate and none is configured.";
    "The server requires a client certificate; none is configured.";
    [alert alert_name]

    507 TlsClientCertRejected "TLS_CLIENT_CERT_REJECTED" Tls Security, Unavailable, Fix, No vary, PeerTransport;
    "The server rejected this client's certificate.";
    "The server rejected our own client certificate[ (alert {alert} {alert_name})][; ours expires {ours_expires}].";
    [alert alert_name ours_expires]

    508 TlsProtocolError "TLS_PROTOCOL_ERROR" Tls Security, Unavailable, Fix, No vary, PeerTransport;
    "The two sides could not agree on TLS.";
    "TLS negotiation failed[: {what}][: alert {alert}][ {alert_name}]. Version, cipher or server name disagree, or records were corrupted.";
    [alert alert_name what]

    509 TlsPeerNotTls "TLS_PEER_NOT_TLS" Tls Config, Unavailable, Fix, No, PeerTransport;
    "The peer does not speak TLS.";
    "{address|The server} does not speak TLS[ (it looks like {speaks})]. Use plaintext or another port.";
    [address speaks resolved_age_ms]

    510 TlsAlpnNoH2 "TLS_ALPN_NO_H2" Tls Config, Unavailable, Fix, No vary, PeerTransport;
    "TLS works, but the peer did not choose HTTP/2.";
    "TLS is fine, but the peer did not choose h2[ (it chose {offered})]. Enable HTTP/2 there.";
    [offered alert alert_name resolved_age_ms]

    511 TlsInterrupted "TLS_INTERRUPTED" Tls Network, Unavailable, Safe, No, PeerTransport;
    "The connection ended during the TLS handshake.";
    "The connection[ to {address}] closed during the TLS handshake. If it always does: the peer may be plaintext.";
    [address resolved_age_ms]

    512 TlsTimeout "TLS_TIMEOUT" Tls Network, Unavailable, Safe, No, Local;
    "The TLS handshake was not answered in time.";
    "The TLS handshake[ with {address}] was unanswered[ for {waited_ms} ms].";
    [address waited_ms resolved_age_ms]

    601 H2PeerExpectsTls "H2_PEER_EXPECTS_TLS" Http2 Config, Unavailable, Fix, No, PeerTransport;
    "The peer answered plaintext HTTP/2 with a TLS record.";
    "{address|The server} answered with a TLS record. Turn TLS on.";
    [address resolved_age_ms]

    602 H2PeerNotHttp2 "H2_PEER_NOT_HTTP2" Http2 Config, Unavailable, Fix, No, PeerTransport;
    "The peer does not speak HTTP/2.";
    "{address|The server} speaks {speaks|something else}, not HTTP/2.";
    [address speaks resolved_age_ms]

    603 H2PrefaceTimeout "H2_PREFACE_TIMEOUT" Http2 Server, Unavailable, Safe, No, Local;
    "The peer accepted the connection and sent no HTTP/2 SETTINGS in time.";
    "Connected[ to {address}], but no HTTP/2 SETTINGS came[ in {waited_ms} ms].";
    [address waited_ms resolved_age_ms]

    604 H2GoawayUnprocessed "H2_GOAWAY_UNPROCESSED" Http2 Server, Unavailable, Safe, Unprocessed vary, PeerTransport;
    "The server is draining and did not process the call.";
    "The server is draining; the call was not processed.";
    [h2_code h2_name last_stream]

    605 H2GoawayTooManyPings "H2_GOAWAY_TOO_MANY_PINGS" Http2 Config, Unavailable, Safe vary, Unprocessed vary, PeerTransport;
    "The server closed the connection because keepalive pings came too often.";
    "Keepalive pings[ after {keepalive_ms} ms of silence] came more often than the server allows; new connections ping[ after {next_keepalive_ms} ms,] half as often. Align `keepalive.time_ms` with the server's minimum.";
    [h2_code h2_name last_stream keepalive_ms next_keepalive_ms]

    606 H2GoawayClosed "H2_GOAWAY_CLOSED" Http2 Server, Unavailable, Idempotent vary, Maybe vary, PeerTransport;
    "The server closed the connection while the call was on it.";
    "The server closed the connection while the call was on it[: {h2_name}].";
    [h2_code h2_name last_stream]

    607 H2StreamRefused "H2_STREAM_REFUSED" Http2 Server, Unavailable, Safe vary, Unprocessed vary, PeerTransport;
    "The server refused the stream before processing it.";
    "The server refused the stream before processing it.";
    [h2_code h2_name]

    608 H2StreamCancelled "H2_STREAM_CANCELLED" Http2 Server, Cancelled, Idempotent, Maybe vary, PeerTransport;
    "The server, not the caller, cancelled the stream.";
    "The server cancelled the stream; this program did not.";
    [h2_code h2_name]

    609 H2StreamOverloaded "H2_STREAM_OVERLOADED" Http2 Server, ResourceExhausted, Delay, Maybe vary, PeerTransport;
    "The server says that the load is too much.";
    "The server says that the load is too much[ ({h2_name})].";
    [h2_code h2_name]

    610 H2InadequateSecurity "H2_INADEQUATE_SECURITY" Http2 Security, PermissionDenied vary, Fix, Maybe vary, PeerTransport;
    "The peer says that the transport is not secure enough.";
    "The peer says that the transport is not secure enough: TLS version or cipher.";
    [h2_code h2_name last_stream]

    611 H2StreamReset "H2_STREAM_RESET" Http2 Server, Internal, Idempotent, Maybe vary, PeerTransport;
    "The peer reset the stream.";
    "The peer reset the stream[: {h2_name}]. A server crash or a proxy's timeout is likely.";
    [h2_code h2_name]

    612 H2PeerViolation "H2_PEER_VIOLATION" Http2 Server, Internal vary, Idempotent vary, Maybe vary, PeerTransport;
    "The peer broke the rules of HTTP/2.";
    "The peer broke HTTP/2[: {what}].";
    [what h2_code h2_name]

    701 HttpUnauthenticated "HTTP_UNAUTHENTICATED" Grpc Security, Unauthenticated, Fix, Maybe, Intermediary;
    "HTTP 401 from something in front of the service.";
    "HTTP 401 from {server|a gateway}, not from your service[; it asks for {auth_scheme}].";
    [http_status content_type server auth_scheme length]

    702 HttpForbidden "HTTP_FORBIDDEN" Grpc Security, PermissionDenied, Fix, Maybe, Intermediary;
    "HTTP 403 from something in front of the service.";
    "HTTP 403 from {server|a gateway}: a gateway policy or a web application firewall.";
    [http_status content_type server length]

    703 HttpNotFound "HTTP_NOT_FOUND" Grpc Config, Unimplemented, Fix, Maybe, Intermediary;
    "HTTP 404: no route to the method.";
    "HTTP 404 from {server|a gateway}: the route for {method|the method} is missing.";
    [http_status content_type server length]

    704 HttpUnavailable "HTTP_UNAVAILABLE" Grpc Server, Unavailable, Idempotent vary, Maybe, Intermediary;
    "HTTP 429, 502, 503 or 504 from something in front of the service.";
    "HTTP {http_status|error} from {server|a gateway}: the gateway could not serve.";
    [http_status content_type server length]

    705 HttpUnexpectedStatus "HTTP_UNEXPECTED_STATUS" Grpc Config, Unknown vary, Fix vary, Maybe, Intermediary;
    "An HTTP status that no gRPC server sends.";
    "HTTP {http_status|error} from {server|a gateway}; the path does not lead to a gRPC server.";
    [http_status content_type server length]

    706 NotGrpcResponse "NOT_GRPC_RESPONSE" Grpc Config, Unknown, Fix, Maybe, Intermediary;
    "HTTP 200 whose content is not gRPC.";
    "HTTP 200, but the answer is not gRPC[ (content type {content_type})]: a login page, a portal, or the wrong port.";
    [content_type server length]

    707 StatusMissing "STATUS_MISSING" Grpc Config, Unknown, Idempotent, Yes, PeerTransport;
    "The response ended without grpc-status.";
    "The response ended without grpc-status: a proxy drops HTTP/2 trailers, or cut the stream.";
    [trailers]

    708 StatusMalformed "STATUS_MALFORMED" Grpc Server, Unknown, Idempotent, Yes, PeerTransport;
    "grpc-status is not one valid code.";
    "grpc-status[ `{raw}`] is not one valid code.";
    [raw count]

    709 MessageMalformed "MESSAGE_MALFORMED" Grpc Server, Internal, Idempotent, Yes, PeerTransport;
    "A response message cannot be read.";
    "A response frame is invalid[: {problem}].";
    [problem flag]

    710 ResponseCardinality "RESPONSE_CARDINALITY" Grpc Server, Unimplemented, Idempotent, Yes, PeerTransport;
    "No message, or several, where exactly one must come.";
    "Expected one message, got {received|another number}.";
    [received]

    711 ResponseDecodeFailed "RESPONSE_DECODE_FAILED" Grpc Config, Internal, Fix, Yes, Local;
    "The deserializer refused the response.";
    "The response does not parse as {type_name|the expected type}: the schemas differ.";
    [type_name]

    801 RequestTooLarge "REQUEST_TOO_LARGE" Limits Client, ResourceExhausted, Fix, No vary, Local;
    "The request is larger than this client's own limit.";
    "The request {what|message}[ of {actual} bytes] is above our limit[ of {limit} bytes][ (`{option}`)].";
    [what actual limit option]

    802 ResponseTooLarge "RESPONSE_TOO_LARGE" Limits Client, ResourceExhausted, Fix, Yes, Local;
    "The response is larger than this client's own limit.";
    "The response {what|message}[ of {actual} bytes] is above our limit[ of {limit} bytes][ (`{option}`)].";
    [what actual limit option]

    803 LocalResourcesExhausted "LOCAL_RESOURCES_EXHAUSTED" Limits Client, Unavailable, Delay, No, Local;
    "This process or host ran out of something.";
    "This process or host ran out of {what|resources}[ ({errno_name})].";
    [what errno errno_name]

    901 CredentialsOnInsecureChannel "CREDENTIALS_ON_INSECURE_CHANNEL" Credentials Security, Unauthenticated, Fix, No, Local;
    "Call credentials need a secure connection.";
    "Call credentials need TLS; the token was not sent.";
    []

    902 CredentialsFailed "CREDENTIALS_FAILED" Credentials Security, Unauthenticated, Fix, No, Local;
    "The credential provider refused.";
    "The credential provider[ `{provider}`] refused, or has only an expired token.";
    [provider]

    903 CredentialsUnavailable "CREDENTIALS_UNAVAILABLE" Credentials Network, Unavailable, Safe, No, Local;
    "The credential provider cannot be reached.";
    "The credential provider[ `{provider}`] could not be reached[: {underlying}].";
    [provider]

    1001 AppUnauthenticated "APP_UNAUTHENTICATED" Application Security, Unauthenticated, Fix, Yes, PeerApp;
    "The service does not accept the credentials.";
    "The server rejected the credentials: refresh the token, check its audience and the clock.";
    [retry_after_ms pushback pushback_ms request_id]

    1002 AppPermissionDenied "APP_PERMISSION_DENIED" Application Security, PermissionDenied, Fix, Yes, PeerApp;
    "The service knows the caller and does not allow the call.";
    "The identity is known, and not allowed for {method|this method}.";
    [retry_after_ms pushback pushback_ms request_id]

    1003 AppUnimplemented "APP_UNIMPLEMENTED" Application Config, Unimplemented, Fix, Yes, PeerApp;
    "The server does not have the method.";
    "The server has no {method|such method}: version skew, or the wrong service.";
    [retry_after_ms pushback pushback_ms request_id]

    1004 AppOverloaded "APP_OVERLOADED" Application Server, ResourceExhausted, Delay vary, Yes, PeerApp;
    "A limit or quota of the service is used up.";
    "A limit or quota of the server is used up[: retry after {retry_after_ms} ms][: retry after {pushback_ms} ms].";
    [retry_after_ms pushback pushback_ms request_id]

    1005 AppUnavailable "APP_UNAVAILABLE" Application Server, Unavailable, Idempotent vary, Yes, PeerApp;
    "The service itself said unavailable.";
    "The service itself said unavailable.";
    [retry_after_ms pushback pushback_ms request_id]

    1006 AppRejected "APP_REJECTED" Application Client, InvalidArgument vary, Never, Yes, PeerApp;
    "The service understood the request and refused it.";
    "The request was understood and refused.";
    [retry_after_ms pushback pushback_ms request_id]

    1007 AppFailed "APP_FAILED" Application Server, Unknown vary, Idempotent vary, Yes, PeerApp;
    "The service failed.";
    "The service failed; see its logs[ for request {request_id}].";
    [retry_after_ms pushback pushback_ms request_id]

    1008 ServerNotServing "SERVER_NOT_SERVING" Application Server, Unavailable, Safe, No, PeerApp;
    "The server's health service says that it takes no calls.";
    "The health service of {address|every server} says {health|that it takes no calls}[ for `{service}`]. The call was not sent.";
    [address service health]

    1009 ServerEjected "SERVER_EJECTED" Application Server, Unavailable, Safe, No, Local;
    "Too many calls to the server failed, and outlier detection leaves it out for a while.";
    "{failed|Too many}[ of {total}] calls to {address|the server} failed: outlier detection leaves it out for a while. The call was not sent.";
    [address failed total]

    1101 DeadlineNotSent "DEADLINE_NOT_SENT" Deadline Network vary, DeadlineExceeded, Safe vary, No vary, Local;
    "The deadline passed before the request was sent.";
    "The deadline[ of {budget_ms} ms] passed before the request was sent[, in phase {phase}][; last problem: {underlying}].";
    [already_past]

    1102 DeadlineAwaitingResponse "DEADLINE_AWAITING_RESPONSE" Deadline Server vary, DeadlineExceeded, Idempotent vary, Maybe, Local;
    "The request was sent, and no response headers came by the deadline.";
    "The request was sent; no response headers came[ within {budget_ms} ms][; last problem: {underlying}].";
    []

    1103 DeadlineMidResponse "DEADLINE_MID_RESPONSE" Deadline Server vary, DeadlineExceeded, Idempotent vary, Yes, Local;
    "The response began and was not complete by the deadline.";
    "The response started[ ({received_messages} messages)], then stalled[ until {budget_ms} ms had passed].";
    []

    1201 CancelledByCaller "CANCELLED_BY_CALLER" Cancel Client, Cancelled, Never, Maybe vary, Local;
    "This program cancelled the call.";
    "Cancelled by this program[ ({reason})].";
    [reason]
}

impl Cause {
    /// Stable number, such as 301.
    pub const fn id(self) -> u16 {
        self as u16
    }

    /// Stable name, such as `"CONNECT_REFUSED"`.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The layer that failed.
    pub const fn layer(self) -> Layer {
        self.info().layer
    }

    /// Who has to act, before evidence overrides it.
    pub const fn category(self) -> Category {
        self.info().category
    }

    /// The cause that an unknown cause of `layer`, written by a newer version, is read as.
    pub const fn generic(layer: Layer) -> Self {
        match layer {
            Layer::Config => Self::CoreFault,
            Layer::Resolve => Self::ResolverFailed,
            Layer::Tcp => Self::ConnectionLost,
            Layer::Proxy => Self::ProxyFailed,
            Layer::Tls => Self::TlsProtocolError,
            Layer::Http2 => Self::H2StreamReset,
            Layer::Grpc => Self::HttpUnexpectedStatus,
            Layer::Limits => Self::LocalResourcesExhausted,
            Layer::Credentials => Self::CredentialsFailed,
            Layer::Application => Self::AppFailed,
            Layer::Deadline => Self::DeadlineAwaitingResponse,
            Layer::Cancel => Self::CancelledByCaller,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_has_73_causes_in_12_layers_and_5_categories() {
        assert_eq!(Cause::ALL.len(), 73);
        let layers: Vec<Layer> = Cause::ALL.iter().map(|cause| cause.layer()).collect();
        assert_eq!(layers.iter().collect::<BTreeSet<_>>().len(), 12);
        assert!(layers.is_sorted(), "one block per layer, from the call down");
        assert_eq!(Cause::ALL.iter().map(|cause| cause.category()).collect::<BTreeSet<_>>().len(), 5);
        let per_layer = Layer::ALL.iter().map(|layer| layers.iter().filter(|it| *it == layer).count());
        assert_eq!(per_layer.collect::<Vec<_>>(), [6, 3, 7, 3, 12, 12, 11, 3, 3, 9, 3, 1]);
    }

    #[test]
    fn ids_and_names_are_unique_and_ids_tell_the_layer() {
        for (index, cause) in Cause::ALL.iter().enumerate() {
            let info = cause.info();
            assert_eq!((info.id, Cause::parse(info.name)), (cause.id(), Some(*cause)));
            assert!(Cause::ALL.iter().skip(index + 1).all(|other| other.name() != info.name && other.id() > info.id));
            let layer = Layer::ALL.iter().position(|layer| *layer == info.layer).unwrap();
            assert_eq!(usize::from(info.id / 100), layer + 1, "{cause}");
        }
    }

    #[test]
    fn the_generic_cause_of_a_layer_is_of_that_layer() {
        for layer in Layer::ALL {
            assert_eq!(Cause::generic(*layer).layer(), *layer);
        }
    }

    #[test]
    fn defaults_do_not_contradict_each_other() {
        for cause in Cause::ALL {
            let info = cause.info();
            let unsent = matches!(info.reached, Reached::No | Reached::Unprocessed);
            assert!(info.retry != Retry::Safe || unsent, "{cause}: safe means unprocessed");
            assert!(info.category != Category::Security || info.retry == Retry::Fix, "{cause}: security needs a fix");
            assert!(info.origin != Origin::PeerApp || info.layer == Layer::Application, "{cause}");
        }
    }
}
