#!/usr/bin/env bash
# Where the time of a call goes: one Rust client under a tool, against the benchmarks' server.
#
#   tests/bench/profile.sh callgrind CLIENT CELL [OPERATIONS]   instructions per operation, and the functions they are in
#   tests/bench/profile.sh strace    CLIENT CELL [OPERATIONS]   system calls per operation
#   tests/bench/profile.sh perf      CLIENT CELL [OPERATIONS]   samples per function, in the time of the CPU
#   tests/bench/profile.sh time      CLIENT CELL [OPERATIONS]   CPU per operation, five times
#
# CLIENT: causewire (the public channel), causewire-multi, bridge (as a binding uses it), h2 (the floor), tonic, tonic-multi.
# CELL: unary, unary_64, stream_100B, stream_64KiB, unary_1MiB, ping_pong.
# Setting up is taken out: each figure is the difference between 2 x OPERATIONS and OPERATIONS. Raw output: target/bench/.
source "$(dirname -- "${BASH_SOURCE[0]}")/../../make/common.sh"

[ $# -ge 3 ] || { sed -n '2,/^source/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2; }
tool=$1 client=$2 cell=$3 operations=${4:-}
[ -n "$operations" ] || case $tool-$cell in
  *-unary_1MiB) operations=50 ;;
  *-stream_64KiB) operations=2000 ;;
  *-stream_100B) operations=200000 ;;
  perf-* | time-*) operations=50000 ;;
  *) operations=4000 ;;
esac

cargo build -q --profile "$PROFILE" -p causewire-bench
out=$CARGO_TARGET_DIR/bench
mkdir -p "$out"
port=$out/profile.port
rm -f "$port"
mkfifo "$port"
# Pinned where that can be done.
client_core=() server_core=()
if command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ]; then
  client_core=(taskset -c 0)
  server_core=(taskset -c 1)
fi
"${server_core[@]}" "$BIN/causewire-bench-server" >"$port" &
server=$!
trap 'kill "$server"' EXIT
read -r number <"$port"

run() { # run OPERATIONS COMMAND...
  local operations=$1
  shift
  "${client_core[@]}" "$@" "$BIN/causewire-bench-client" "$client" "127.0.0.1:$number" operations "$cell" "$operations"
}

per_operation() { awk -v less="$1" -v more="$2" -v n="$operations" 'BEGIN { printf "%.2f", (more - less) / n }'; }

callgrind() {
  local one two
  for n in "$operations" $((2 * operations)); do
    run "$n" valgrind -q --tool=callgrind --callgrind-out-file="$out/callgrind.$n" >/dev/null
  done
  total() { sed -n 's/^\(summary\|totals\): *\([0-9]*\).*/\2/p' "$1" | sed -n 1p; }
  one=$(total "$out/callgrind.$operations") two=$(total "$out/callgrind.$((2 * operations))")
  callgrind_annotate --threshold=95 "$out/callgrind.$((2 * operations))" | cut -c 1-180 | sed -n 1,60p
  say "$client $cell: $(per_operation "$one" "$two") instructions per operation; callgrind_annotate $out/callgrind.$((2 * operations))"
}

strace_() {
  for n in "$operations" $((2 * operations)); do
    run "$n" strace -f -c -U name,calls -o "$out/strace.$n" >/dev/null
  done
  say "$client $cell: system calls per operation"
  awk -v n="$operations" '
    $2 ~ /^[0-9]+$/ && $1 != "total" { if (FNR == NR) less[$1] = $2; else more[$1] = $2 }
    END { for (name in more) { each = (more[name] - less[name]) / n; if (each > 0.004) printf "%10.3f %s\n", each, name } }
  ' "$out/strace.$operations" "$out/strace.$((2 * operations))" | sort -rn
}

perf_() {
  run "$operations" perf record -q -e cpu-clock -F 4999 --call-graph dwarf,16384 -o "$out/perf.data" >/dev/null
  perf report -i "$out/perf.data" --no-children --stdio -g none --percent-limit 0.5 2>/dev/null | grep -v '^#' | sed -n 1,60p
  say "$client $cell: perf report -i $out/perf.data"
}

time_() {
  for _ in 1 2 3 4 5; do
    run "$operations" |
      sed -E 's/.*"operations":([0-9]+),.*"cpu":([0-9.]+),.*/\1 \2/' |
      awk -v name="$client $cell" '{ printf "%s: %.3f us of CPU per operation\n", name, $2 / $1 * 1e6 }'
  done
}

case $tool in
  callgrind) callgrind ;;
  strace) strace_ ;;
  perf) perf_ ;;
  time) time_ ;;
  *) say "no such tool: $tool"; exit 2 ;;
esac
