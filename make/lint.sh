#!/usr/bin/env bash
# Formatting, clippy, generated files, layers.
source "$(dirname -- "$0")/common.sh"

cargo fmt --all --check
cargo clippy -q --workspace --all-targets -- -D warnings
cargo xtask gen --check
cargo xtask layers
