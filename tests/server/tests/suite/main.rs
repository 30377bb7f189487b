//! The testbed itself, under test.
mod common;
mod echo;
mod scripts;
mod tls;
