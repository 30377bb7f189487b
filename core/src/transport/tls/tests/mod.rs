#![allow(clippy::disallowed_methods)] // a scripted peer is no part of the product: it may spawn
mod certificates;
mod material;
mod peers;
mod pki;
