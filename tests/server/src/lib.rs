//! The server of Causewire's tests: a gRPC echo service, and scripted peers that misbehave in every known way.
pub mod backend;
pub mod certificates;
pub mod control;
pub mod counted;
pub mod details;
pub mod dns;
pub mod drive;
mod echo;
pub mod frames;
mod health;
mod interop;
mod peer;
mod plan;
mod play;
mod proxy;
mod raw;
mod raw_echo;
pub mod script;
mod seen;
pub mod server;
pub mod standing;
mod testbed;
pub mod text;
mod windows;

/// Generated from `/proto`; nested as the packages are, because generated code refers to them so.
pub mod pb {
    pub use self::{
        causewire::testbed::v1 as testbed, google::rpc, grpc::health::v1 as health, grpc::testing as interop,
    };

    pub mod causewire {
        pub mod testbed {
            pub mod v1 {
                tonic::include_proto!("causewire.testbed.v1");
            }
        }
    }
    pub mod google {
        pub mod rpc {
            tonic::include_proto!("google.rpc");
        }
    }
    pub mod grpc {
        pub mod health {
            pub mod v1 {
                tonic::include_proto!("grpc.health.v1");
            }
        }
        pub mod testing {
            tonic::include_proto!("grpc.testing");
        }
    }
    // Generated code, which no lint of ours was asked about.
    #[allow(clippy::all, missing_debug_implementations, unreachable_pub)]
    pub(crate) mod raw_service {
        tonic::include_proto!("raw.Echo");
    }
}

/// A test tool reports its problems as text.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
