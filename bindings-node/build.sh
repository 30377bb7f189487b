#!/usr/bin/env bash
# Builds and tests the npm package.
#
#   build   the native half with cargo, the TypeScript half with tsc, side by side where `dist` finds them
#   types   type checks of the sources and of a program that uses the package
#   test    node:test, against the testbed server
#
# CARGO_TARGET_DIR    where cargo builds; absent: target
# CAUSEWIRE_PROFILE   debug (default), release or dist
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
root=$(cd .. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
profile=${CAUSEWIRE_PROFILE:-debug}

# Installs what the lock file says, once per lock file.
dependencies() {
  local stamp=node_modules/.installed
  if ! cmp -s package-lock.json "$stamp"; then
    npm ci --ignore-scripts --no-audit --no-fund
    cp package-lock.json "$stamp"
  fi
}

# `debug` is the directory of cargo's profile `dev`.
cargo_profile() {
  if [ "$profile" = debug ]; then echo dev; else echo "$profile"; fi
}

# What is published has nothing that only tests use.
features() {
  if [ "$profile" != dist ]; then echo plant-panic; fi
}

native() {
  cargo build -q --profile "$(cargo_profile)" -p causewire-node --features "$(features)"
  local library
  case $(uname -s) in
  Darwin) library=libcausewire_node.dylib ;;
  *) library=libcausewire_node.so ;;
  esac
  # Removed first: a running process keeps the old file, and does not see its pages change.
  local addon
  addon=causewire.$(node -p 'require("./dist/platform.js").platform()').node
  rm -f "$addon"
  cp "$target/$profile/$library" "$addon"
}

build() {
  dependencies
  rm -rf dist
  node_modules/.bin/tsc -p .
  native
}

types() {
  dependencies
  node_modules/.bin/tsc -p . --noEmit
  node_modules/.bin/tsc -p test/types
}

tests() {
  dependencies
  testbed
  node --test --test-reporter=tap test/*.test.mjs
}

testbed() {
  export CAUSEWIRE_TESTBED=$target/$profile/causewire-testbed
  [ -x "$CAUSEWIRE_TESTBED" ] || cargo build -q --profile "$(cargo_profile)" -p causewire-testbed
}

case ${1-} in
build) build ;;
types) types ;;
test) tests ;;
*)
  echo "usage: bindings-node/build.sh build|types|test" >&2
  exit 2
  ;;
esac
