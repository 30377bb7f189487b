#!/usr/bin/env bash
# Builds every client and every peer, lets them take turns, and writes docs/bench.md from the last three runs.
# The page says what can be set by environment. Everything that is installed stays in target/ and tests/bench/node.
source "$(dirname -- "$0")/common.sh"

# What is published is what is measured.
PROFILE=${BENCH_PROFILE:-dist}
export CAUSEWIRE_PROFILE=$PROFILE
BIN=$CARGO_TARGET_DIR/$PROFILE

need cargo "https://rustup.rs"
need node "Node 20 or newer"
need npm "comes with Node"

# A thousand channels, and the server's end of each.
ulimit -Sn 16384 2>/dev/null || true

export BENCH_OUT=$CARGO_TARGET_DIR/bench
export BENCH_PYTHON=$CARGO_TARGET_DIR/python-venv/bin/python
export BENCH_DESCRIPTORS=$BENCH_OUT/bench.binpb
export PYTHONPATH=$BENCH_OUT
mkdir -p "$BENCH_OUT"

peers_of_node() {
  local stamp=node_modules/.installed
  cd tests/bench/node
  if ! cmp -s package-lock.json "$stamp"; then
    npm ci --ignore-scripts --no-audit --no-fund
    cp package-lock.json "$stamp"
  fi
}

# Their venv has grpcio, its tools and uvloop for the tests already.
protos() {
  "$BENCH_PYTHON" -m grpc_tools.protoc -I tests/bench/proto --python_out="$BENCH_OUT" --grpc_python_out="$BENCH_OUT" \
    --descriptor_set_out="$BENCH_DESCRIPTORS" --include_imports bench.proto
}

# As pip does for what it installs; without it, our modules alone would be compiled at every cold start.
bytecode() { "$BENCH_PYTHON" -m compileall -q bindings-python/python/causewire tests/bench/python "$BENCH_OUT"; }

swift_client() { bindings-swift/build.sh toolchain && bindings-swift/build.sh bench; }

step() { # step NAME COMMAND...
  local name=$1 log=$LOGS/bench-${1// /-}.log started=$SECONDS
  shift
  printf '%-16s' "$name" >&2
  if ! ("$@") >"$log" 2>&1; then
    say " failed; the last lines of $log:" >&2
    tail -n 40 "$log" >&2
    return 1
  fi
  printf '%4ds\n' $((SECONDS - started)) >&2
}

step rust cargo build -q --profile "$PROFILE" -p causewire-bench
step node bindings-node/build.sh build
step "node peers" peers_of_node
step python bindings-python/build.sh build
step protos protos
step bytecode bytecode
# Left out where the machine cannot have it, as `make demo` does.
if swift_wanted && ! step swift swift_client; then
  export SWIFT=off
fi

commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
git diff --quiet HEAD -- . ':!docs/bench.md' 2>/dev/null || commit+=" with changes"
export BENCH_COMMIT=$commit
"$BIN/causewire-bench" "${1:-run}"
