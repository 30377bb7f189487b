//! What a call costs in allocations, system calls and wakes: figures that no clock has a part in, each with its bound.
#![cfg(target_os = "linux")]
mod bed;
mod bound;
mod count;
mod host;
mod bridge;
mod channel;
