#!/usr/bin/env bash
# What takes longer than `make test` may: servers, paths and names fail at random for ten minutes, and beside it a stream is
# silent for twelve on grpc-go's server with its default keepalive policy.
#
#   SOAK_SECONDS   of the first; absent: 600
#   SOAK_SEED      of its events; absent: another one each time, which is printed
source "$(dirname -- "$0")/common.sh"
source "$ROOT/make/go.sh"

SILENT_MINUTES=12

need cargo "https://rustup.rs"
cargo build -q --profile "$PROFILE" -p causewire-endurance
# Where there is no Go, the Python of the tests brings it.
command -v go >/dev/null || bindings-python/build.sh build
interop_go

"$BIN/causewire-endurance" silence "$INTEROP/go/server" "$SILENT_MINUTES" &
silence=$!
status=0
"$BIN/causewire-endurance" soak "${SOAK_SECONDS:-600}" "${SOAK_SEED:-$RANDOM}" || status=$?
wait "$silence" || status=$?
exit "$status"
