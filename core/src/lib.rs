//! One gRPC channel whose failures are values.
#![forbid(unsafe_code)]
