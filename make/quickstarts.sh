#!/usr/bin/env bash
# Runs the README's quickstarts exactly as they are printed: against a server, then against a port nobody listens on.
# The packages have been built before. Closes with TAP's counts.
source "$(dirname -- "$0")/common.sh"

python=${CAUSEWIRE_PYTHON:-$CARGO_TARGET_DIR/python-venv/bin/python}
work=$CARGO_TARGET_DIR/quickstarts
rm -rf "$work"
mkdir -p "$work/node_modules"
ln -s "$ROOT/bindings-node" "$work/node_modules/causewire"

block() { # block INFO-STRING: that fenced block of the README
  awk -v opening="\`\`\`$1" '$0 == opening { on = 1; next } /^```$/ { on = 0 } on' README.md
}

swift_package() { # as bindings-swift/build.sh does
  PKG_CONFIG_PATH="$CARGO_TARGET_DIR/swift/lib/pkgconfig" \
    bindings-swift/toolchain/swift "$@"
}

prepare_swift() {
  if ! diff -u bindings-swift/Quickstart/main.swift "$work/quickstart.swift"; then
    say "bindings-swift/Quickstart/main.swift is not the README's Swift quickstart"
    return 1
  fi
  # SwiftPM does not watch the Rust library that it links.
  rm -f "$CARGO_TARGET_DIR"/swift/build/*/debug/causewire-quickstart
  swift_package build --scratch-path "$CARGO_TARGET_DIR/swift/build" --product causewire-quickstart
}

passed=0
failed=0

expect() { # expect LANGUAGE TARGET PATTERN COMMAND...
  local language=$1 target=$2 pattern=$3 said
  shift 3
  if said=$(TARGET=$target timeout 60 "$@" 2>&1) && grep -qE "$pattern" <<<"$said"; then
    return 0
  fi
  say "$language, TARGET=$target: expected $pattern, got:"
  say "$said"
  return 1
}

try() { # try LANGUAGE COMMAND...
  local language=$1
  shift
  if expect "$language" "$good" '^serving$' "$@" &&
    expect "$language" "$refused" '^UNAVAILABLE CONNECT_REFUSED \(301\)$' "$@"; then
    passed=$((passed + 1))
    say "ok $language"
  else
    failed=$((failed + 1))
    say "not ok $language"
  fi
}

block "js quickstart" >"$work/quickstart.mjs"
block "python quickstart" >"$work/quickstart.py"
block "python quickstart asyncio" >"$work/quickstart_asyncio.py"
block "swift quickstart" >"$work/quickstart.swift"
for file in "$work"/quickstart*; do
  [ -s "$file" ] || { say "the README has no ${file##*/}"; exit 1; }
done
cargo build -q --profile "$PROFILE" -p causewire-testbed -p causewire-quickstart

mkfifo "$work/places"
"$BIN/causewire-testbed" serve "$work/served" >"$work/places" &
testbed=$!
trap 'kill "$testbed"' EXIT
read -r places <"$work/places"
place() { node -p "JSON.parse(process.argv[1])$1" "$places"; }
good=$(place .target)
refused=$(place .faults.refused)

try node node "$work/quickstart.mjs"
try python "$python" "$work/quickstart.py"
try asyncio "$python" "$work/quickstart_asyncio.py"
if swift_wanted; then
  if prepare_swift >"$work/swift.log" 2>&1; then
    try swift bindings-swift/toolchain/swift --run "$CARGO_TARGET_DIR/swift/build/debug/causewire-quickstart"
  else
    tail -n 20 "$work/swift.log"
    failed=$((failed + 1))
    say "not ok swift"
  fi
fi
try rust "$BIN/causewire-quickstart"

say "# pass $passed"
say "# fail $failed"
[ "$failed" -eq 0 ]
