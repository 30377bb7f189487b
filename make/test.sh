#!/usr/bin/env bash
# Everything that can fail, step by step, each with its seconds. Ends with `N passed, N failed`.
source "$(dirname -- "$0")/common.sh"

need cargo "https://rustup.rs"
need node "Node 20 or newer"
need npm "comes with Node"

passed=0
failed=0
rows=()

# Counts what the runners' closing lines say they ran.
count() { # count LOG
  awk '
    /^test result:/            { p += $4; f += $6; next }
    /^# pass [0-9]+$/          { p += $3; next }
    /^# fail [0-9]+$/          { f += $3; next }
    /^ℹ pass [0-9]+$/          { p += $3; next }
    /^ℹ fail [0-9]+$/          { f += $3; next }
    /^(=+ )?[0-9]+ (passed|failed).* in [0-9.]+s/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^(failed|error)/) f += $i } next }
    /Executed [0-9]+ tests?, with [0-9]+ failures?/ { e = $2; x = $5; next }
    /^scenarios [0-9]+ x drivers [0-9]+ = [0-9]+ passed, [0-9]+ failed/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i } next }
    /^[a-z]+-[^ ]+ +(rust|node|python|python-aio|swift) +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+s$/ { p += $4; f += $5; next }
    END { print p + e - x, f + x }
  ' "$1"
}

step() { # step NAME COMMAND...
  local name=$1 log started=$SECONDS status=0
  shift
  log="$LOGS/${name// /-}.log"
  "$@" >"$log" 2>&1 || status=$?
  local p f
  read -r p f < <(count "$log")
  [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  # a step without tests of its own, such as a build, counts as one
  [ "$status" -ne 0 ] || [ "$p" -gt 0 ] || p=1
  passed=$((passed + p))
  failed=$((failed + f))
  rows+=("$(printf '%-26s %5ds %6d passed %4d failed' "$name" $((SECONDS - started)) "$p" "$f")")
  say "${rows[-1]}"
  if [ "$status" -ne 0 ] || [ "$f" -gt 0 ]; then
    say "--- $name: last lines of $log"
    tail -n 60 "$log"
    say "---"
  fi
}

# For the test that cuts a cable between two network namespaces, which takes root anyway.
network_tools() {
  if command -v ip >/dev/null || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return; fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends iproute2
}

drivers=rust,node,python,python-aio
step "network tools" network_tools
step "rust build" build_rust
step "lint" make/lint.sh
step "rust tests" cargo test -q --workspace --no-fail-fast
step "node build" bindings-node/build.sh build
step "node types" bindings-node/build.sh types
step "node tests" bindings-node/build.sh test
step "python build" bindings-python/build.sh build
step "python types" bindings-python/build.sh types
step "python tests" bindings-python/build.sh test
if swift_wanted; then
  drivers+=,swift
  step "swift toolchain" bindings-swift/build.sh toolchain
  step "swift build" bindings-swift/build.sh build
  step "swift tests" bindings-swift/build.sh test
else
  say "swift                      left out because SWIFT=off"
fi
step "quickstarts" make/quickstarts.sh
step "demo" "$BIN/causewire-demo" "$drivers"
step "scenario self-test" "$BIN/causewire-runner" --self-test
step "scenarios" "$BIN/causewire-runner" --drivers "$drivers"
grep -hE '^scenarios ' "$LOGS/scenarios.log" || true
step "conformance" make/conformance.sh --fast
# Last and one after the other: they count what happens within a tenth of a second.
step "storm" "$BIN/causewire-endurance" storm
step "connection age" "$BIN/causewire-endurance" age
step "rolling restart" "$BIN/causewire-endurance" rolling
step "killed servers" "$BIN/causewire-endurance" killing
step "soak" "$BIN/causewire-endurance" soak 60 1
grep -hE '^(storm|age|rolling|killing|soak): ' "$LOGS"/{storm,connection-age,rolling-restart,killed-servers,soak}.log || true

say
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
