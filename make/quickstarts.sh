#!/usr/bin/env bash
# Runs the programs of the README and of the guide exactly as they are printed: against a server, then against a port
# nobody listens on. The packages have been built before. Closes with TAP's counts.
source "$(dirname -- "$0")/common.sh"

python=${CAUSEWIRE_PYTHON:-$CARGO_TARGET_DIR/python-venv/bin/python}
work=$CARGO_TARGET_DIR/quickstarts
rm -rf "$work"
mkdir -p "$work/node_modules"
ln -s "$ROOT/bindings-node" "$work/node_modules/causewire"

block() { # block PAGE INFO-STRING FILE: puts that fenced block of the page into the file
  awk -v opening="\`\`\`$2" '$0 == opening { on = 1; next } /^```$/ { on = 0 } on' "$1" >"$work/$3"
  [ -s "$work/$3" ] || { say "$1 has no program \`$2\`"; exit 1; }
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
    expect "$language" "$refused" '^UNAVAILABLE CONNECT_REFUSED \(301' "$@"; then
    passed=$((passed + 1))
    say "ok $language"
  else
    failed=$((failed + 1))
    say "not ok $language"
  fi
}

guide=docs/guides/handling-a-failure.md
block README.md "js quickstart" quickstart.mjs
block README.md "python quickstart" quickstart.py
block README.md "python quickstart asyncio" asyncio_quickstart.py
block README.md "swift quickstart" quickstart.swift
block $guide "js guide" guide.mjs
block $guide "python guide" guide.py
build_rust

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
try asyncio "$python" "$work/asyncio_quickstart.py"
if swift_wanted; then
  if prepare_swift >"$work/swift.log" 2>&1; then
    try swift bindings-swift/build.sh quickstart
  else
    tail -n 20 "$work/swift.log"
    failed=$((failed + 1))
    say "not ok swift"
  fi
fi
try rust "$BIN/causewire-quickstart"
try "node guide" node "$work/guide.mjs"
try "python guide" "$python" "$work/guide.py"
try "rust guide" "$BIN/causewire-guide"

# The README's "after" is what a driver renders today; ports and times differ, and which phases took any.
rendered() {
  local request='{id: "1", target: process.argv[1], options: {tls: null}, method: process.argv[2], kind: "unary",
    messages: [""], deadline_ms: 1500, render: true}'
  node -p "JSON.stringify($request)" "$(place .faults.login_page)" /causewire.testbed.v1.Testbed/Echo |
    "$BIN/causewire-drive" |
    node -p 'JSON.parse(require("fs").readFileSync(0)).rendered.diagnostic'
}
masked() { grep -v '^  time ' "$1" | sed -E 's/ \(pick [^)]*\)//; s/[0-9]+/#/g'; }
block README.md "text after" after.txt
rendered >"$work/rendered.txt"
if diff <(masked "$work/after.txt") <(masked "$work/rendered.txt"); then
  passed=$((passed + 1))
  say "ok the failure that the README shows"
else
  failed=$((failed + 1))
  say "not ok the failure that the README shows"
fi

say "# pass $passed"
say "# fail $failed"
[ "$failed" -eq 0 ]
