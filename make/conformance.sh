#!/usr/bin/env bash
# Suites that others wrote, on every driver. One row per suite and driver: cases run, passed, failed. A suite with another
# number of cases than it is known to have fails too, and no list of cases may fail.
#
#   conformance.sh           builds everything, then every suite on every driver
#   conformance.sh --fast    what `make test` runs of it, with what it has built: one driver of each binding
source "$(dirname -- "$0")/common.sh"
source "$ROOT/make/go.sh"

CONNECTRPC=connectrpc.com/conformance/cmd/connectconformance@v1.0.6

bad=0

# A suite is a function that is given a driver and ends with `row`.
suites=(connectrpc-646 connectrpc-1068 interop-go interop-go-tls interop-java interop-java-tls interop-testbed)
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

# What a server lacks is not among its cases: tests/interop/cases.yaml.
interop-go() { interop grpc-go 17 "$1"; }
interop-go-tls() { interop grpc-go 17 "$1" --tls; }
interop-java() { interop grpc-java 21 "$1"; }
interop-java-tls() { interop grpc-java 20 "$1" --tls; }
interop-testbed() { interop testbed 25 "$1"; }

interop() { # interop SERVER CASES DRIVER [--tls]
  local server=$1 expected=$2 driver=$3 started=$SECONDS status=0 cases passed failed
  local suite=interop-${1#grpc-}${4:+-tls}
  local log="$LOGS/conformance-$suite-$driver.log"
  CAUSEWIRE_INTEROP_GO="$INTEROP/go" CAUSEWIRE_INTEROP_JAVA="$INTEROP/java" \
    "$BIN/causewire-interop" "$server" "$driver" ${4:+--tls} >"$log" 2>&1 || status=$?
  read -r cases passed failed < <(sed -n 's/^\([0-9]*\) cases, \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 \3/p' "$log") || true
  row "$suite" "$driver" "$expected" "${cases:-0}" "${passed:-0}" "${failed:-0}" $((SECONDS - started)) "$status" "$log"
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

# grpc-java's servers, once per version.
interop_java() {
  local pom=tests/interop/servers/pom.xml
  need_java
  cmp -s "$pom" "$INTEROP/java/pom.xml" && return
  rm -rf "$INTEROP/java"
  mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$INTEROP/java"
  cp "$pom" "$INTEROP/java/pom.xml"
}

# Java and Maven of the machine, or else the distribution's.
need_java() {
  command -v java >/dev/null && command -v mvn >/dev/null && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "missing: java and mvn (a JDK of at least 11, and Maven)"
    return 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends default-jre-headless maven
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
    step "swift interop" bindings-swift/build.sh interop
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
if [[ " ${suites[*]} " == *" interop-"* ]]; then
  step "interop: grpc-go" interop_go
  step "interop: grpc-java" interop_java
fi

say "suite              driver       cases  passed  failed   time"
for suite in "${suites[@]}"; do
  for driver in "${drivers[@]}"; do
    "$suite" "$driver"
  done
done
[ "$bad" -eq 0 ]
