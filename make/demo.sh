#!/usr/bin/env bash
# Builds what is needed and shows the same calls and failures from Node, Python and Swift.
source "$(dirname -- "$0")/common.sh"

need cargo "https://rustup.rs"
need node "Node 20 or newer"
need npm "comes with Node"

step() { # step NAME COMMAND...
  local name=$1 log started=$SECONDS
  shift
  log="$LOGS/demo-${name// /-}.log"
  printf '%-24s' "$name"
  if ! "$@" >"$log" 2>&1; then
    say " failed; the last lines of $log:"
    tail -n 40 "$log"
    exit 1
  fi
  printf '%4ds\n' $((SECONDS - started))
}

# Swift is the one toolchain that a machine may be unable to have. Without it the others are shown all the same.
swift_ready() {
  local log="$LOGS/demo-swift-toolchain.log" started=$SECONDS
  if ! swift_wanted; then
    say "swift                   left out because SWIFT=off; \`make demo\` without it sets Swift up"
    return 1
  fi
  printf '%-24s' "swift toolchain"
  if bindings-swift/build.sh toolchain >"$log" 2>&1; then
    printf '%4ds\n' $((SECONDS - started))
    return 0
  fi
  printf 'left out. '
  tail -n 1 "$log"
  return 1
}

languages=node,python
step "rust: servers, core" cargo build -q --profile "$PROFILE" -p causewire-demo
step "node" bindings-node/build.sh build
step "python" bindings-python/build.sh build
if swift_ready; then
  step "swift" bindings-swift/build.sh driver
  languages+=,swift
fi

"$BIN/causewire-demo" "$languages"
say
say " Next: \`make test\`. Any call in any language: tests/README.md. Every cause: docs/failures.md"
