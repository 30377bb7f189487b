//! Causewire: one gRPC channel whose every failure says what failed, where, whether it is safe to retry and what to do.
//!
//! ```no_run
//! use causewire::{Channel, Request, failure::Category};
//! use std::time::Duration;
//!
//! #[derive(Clone, PartialEq, prost::Message)]
//! struct Name {
//!     #[prost(string, tag = "1")]
//!     name: String,
//! }
//!
//! # async fn example() -> Result<(), causewire::RpcError> {
//! let channel = Channel::new("dns:///greeter:443")?;
//! let request = Request::new(Name { name: "you".into() }).timeout(Duration::from_secs(1));
//! match channel.unary::<_, Name>("/greet.Greeter/Hello", request).await {
//!     Ok(response) => println!("{}", response.message.name),
//!     Err(error) if error.failure().record().category == Category::Security => println!("{}", error.failure().record().hint()),
//!     Err(error) => println!("{}", error.failure().diagnostic()),
//! }
//! # Ok(()) }
//! ```
//!
//! A call falls through the modules in the order in which they are listed here, and a module imports only what stands
//! below it (`cargo xtask layers`).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bridge;
#[cfg(feature = "tonic")]
mod service;
mod channel;
mod error;
mod call;
mod intercept;
mod retry;
pub mod credentials;
mod balance;
pub mod resolve;
mod health;
mod subchannel;
mod response;
mod transport;
// ---- vocabulary
pub mod status;
pub mod metadata;
pub mod compress;
pub mod failure;
pub mod observe;
pub mod options;
mod backoff;
mod rt;
mod clock;

pub use balance::ConnectivityState;
pub use call::{Canceller, Kind, Sent};
pub use channel::{Call, Channel, ChannelBuilder, Method, MethodName, Request, Response, Sender, Stats};
pub use error::RpcError;
pub use failure::Failure;
pub use intercept::Interceptor;
pub use metadata::Metadata;
pub use observe::LogSink;
pub use options::{CallOptions, CallRetry, ChannelOptions, Secret};
#[cfg(feature = "tonic")]
pub use service::ResponseBody;
