#!/bin/sh
# Everything that is built or run for Swift; the Makefile calls nothing else of it.
#
#   build.sh toolchain   a Swift toolchain (exit code 3: this machine cannot have one)
#   build.sh lib         the Rust library, and the pkg-config file through which SwiftPM finds it
#   build.sh bindings    writes the generated half of the border anew;  --check: fails when it is stale
#   build.sh build       the Rust library and the whole Swift package (debug): facade, tests, driver, quickstart
#   build.sh driver      the Rust library and the driver of tests/drivers/swift alone
#   build.sh test [...]  `swift test` against the testbed server, with the arguments given
#   build.sh quickstart  runs bindings-swift/Quickstart/main.swift, which README.md prints, against the address in TARGET
#   build.sh bench       the Rust library and the benchmarks' client, both optimized
#   build.sh run-bench   that client, with the arguments given
#   build.sh run-driver  the driver that was built: JSON lines over stdin and stdout
#   build.sh interop     the client of tests/interop
#   build.sh run-interop [...]  the client that was built, with the arguments given
#
# CAUSEWIRE_PROFILE: debug (default), release or dist, of the Rust library. CARGO_TARGET_DIR: everything that is built.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
repo=$(cd "$here/.." && pwd -P)
target=${CARGO_TARGET_DIR:-$repo/target}
profile=${CAUSEWIRE_PROFILE:-debug}
# `debug` is the directory of cargo's profile `dev`.
cargo_profile=$profile
[ "$profile" = debug ] && cargo_profile=dev
# What is published has nothing that only tests use.
features=plant-panic
[ "$profile" = dist ] && features=
out=$target/swift
swift=$here/toolchain/swift
generated=$here/Sources
export CARGO_TARGET_DIR="$target" PKG_CONFIG_PATH="$out/lib/pkgconfig"

package() {
    verb=$1
    shift
    (cd "$repo" && "$swift" "$verb" --scratch-path "$out/build" "$@")
}

lib() {
    (cd "$repo" && cargo build --quiet --profile "$cargo_profile" -p causewire-swift --lib --features "$features")
    mkdir -p "$out/lib/pkgconfig"
    built=$target/$profile/libcausewire_swift.a
    # A directory of its own, so that no linker prefers a shared library that lies beside it.
    if ! cmp -s "$built" "$out/lib/libcausewire_swift.a"; then
        cp "$built" "$out/lib/libcausewire_swift.a"
        # SwiftPM does not watch a library: what was linked with the old one has to go.
        rm -f "$out"/build/*/*/causewire-driver "$out"/build/*/*/causewire-interop "$out"/build/*/*/causewire-quickstart \
            "$out"/build/*/*/causewire-bench-swift "$out"/build/*/*/*.xctest
    fi
    cat >"$out/lib/pkgconfig/causewire.pc" <<PC
Name: causewire
Description: the core of Causewire, for Swift
Version: $(sed -n 's/^version = "\(.*\)"/\1/p' "$repo/Cargo.toml" | head -n 1)
Libs: -L$out/lib -lcausewire_swift
Cflags:
PC
}

# What the generated files are made from: the interface that the crate declares and the generator's version.
interface_hash() {
    cat "$here/src/interface.rs" "$here/src/failure.rs" "$here/bindgen/Cargo.lock" | sha256sum | cut -d' ' -f1
}

bindings() {
    stamp=$here/bindgen/interface.sha256
    if [ "${1:-}" = --check ]; then
        if [ "$(interface_hash)" = "$(cat "$stamp")" ]; then return; fi
        echo "bindings-swift: the generated border is stale; run bindings-swift/build.sh bindings" >&2
        exit 1
    fi
    lib
    # Its own target directory: the generator's features must not disturb the workspace's build.
    (cd "$here/bindgen" && cargo build --locked --target-dir "$target/swift-bindgen")
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    # In the crate's folder, because the generator asks cargo about the crate.
    (cd "$here" && "$target/swift-bindgen/debug/causewire-swift-bindgen" --swift-sources --headers \
        "$out/lib/libcausewire_swift.a" "$scratch")
    cp "$scratch/CausewireCore.swift" "$generated/CausewireCore/"
    cp "$scratch/CausewireCoreFFI.h" "$generated/CausewireCoreFFI/"
    interface_hash >"$stamp"
}

# The tests' server; its first line says where everything is.
testbed() {
    (cd "$repo" && cargo build --quiet --profile "$cargo_profile" -p causewire-testbed)
    scratch=$(mktemp -d)
    mkfifo "$scratch/places"
    "$target/$profile/causewire-testbed" serve "$scratch" >"$scratch/places" &
    server=$!
    trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$scratch"' EXIT
    read -r CAUSEWIRE_TESTBED <"$scratch/places"
    export CAUSEWIRE_TESTBED
}

case "${1:-}" in
toolchain) "$here/toolchain/install.sh" ;;
lib) lib ;;
bindings)
    shift
    bindings "$@"
    ;;
# One command per line: in a list, a failure inside a function would not end the script.
build)
    bindings --check
    lib
    package build --build-tests
    ;;
driver)
    lib
    package build --product causewire-driver
    ;;
bench)
    lib
    package build -c release --product causewire-bench-swift
    ;;
test)
    shift
    testbed
    package test "$@"
    ;;
quickstart)
    shift
    exec "$swift" --run "$out/build/debug/causewire-quickstart" "$@"
    ;;
run-bench)
    shift
    exec "$swift" --run "$out/build/release/causewire-bench-swift" "$@"
    ;;
run-driver) exec "$swift" --run "$out/build/debug/causewire-driver" ;;
interop)
    lib
    package build --product causewire-interop
    ;;
run-interop)
    shift
    exec "$swift" --run "$out/build/debug/causewire-interop" "$@"
    ;;
*)
    sed -n '/^#!/d;/^#/!q;s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
