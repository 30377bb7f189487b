//! The transport against scripted peers on loopback. Nothing sleeps to wait for luck.
#![allow(clippy::disallowed_methods)] // a scripted peer is no part of the product: it may spawn
mod cancel;
mod data;
mod death;
mod goaway;
mod headers;
mod keepalive;
mod opening;
mod peer;
mod reset;
mod sending;
mod slots;
mod whole;
