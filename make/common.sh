# Sourced by the other scripts: where things are, and one way to run a step.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
# A bare environment has no toolchains on its PATH; these are where their installers put them.
for dir in "$HOME/.cargo/bin" /usr/local/go/bin "$HOME/.pyenv/shims"; do
  case ":$PATH:" in *":$dir:"*) ;; *) [ -d "$dir" ] && PATH="$PATH:$dir" ;; esac
done
export PATH
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}"
export CARGO_TERM_COLOR=never
LOGS="$CARGO_TARGET_DIR/logs"
mkdir -p "$LOGS"

# One profile for everything that other languages load, and for the servers: built once, used by demo and test.
PROFILE=release
export CAUSEWIRE_PROFILE=$PROFILE
BIN="$CARGO_TARGET_DIR/$PROFILE"

say() { printf '%s\n' "$*"; }

need() { # need COMMAND HOW
  command -v "$1" >/dev/null 2>&1 || { say "missing: $1 ($2)" >&2; exit 1; }
}

# Swift is left out only on purpose, or where `make demo` finds that it cannot be had.
swift_wanted() { [ "${SWIFT:-on}" != off ]; }

# All at once, because cargo builds a dependency anew for every other set of features.
build_rust() {
  cargo build -q --profile "$PROFILE" -p causewire-testbed -p causewire-runner -p causewire-drive \
    -p causewire-demo -p causewire-quickstart -p causewire-conformance -p causewire-interop -p causewire-endurance
}
