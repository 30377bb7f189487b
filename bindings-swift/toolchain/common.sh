# Sourced by install.sh and by the `swift` wrapper: where the toolchain is.
# shellcheck shell=sh disable=SC2034

SWIFT_SUITE=trixie
# Grows when what install.sh puts into the root changes; an older root is then made anew.
SWIFT_ROOT_VERSION=1
SWIFT_STAMP=etc/causewire-swift-root
SWIFT_ROOT="${XDG_CACHE_HOME:-$HOME/.cache}/causewire/swift-root"

# The major version is enough: the package needs Swift 6's language mode and nothing newer.
swift_on_path() {
    command -v swift >/dev/null 2>&1 || return 1
    major=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 6 ]
}

swift_root_ready() {
    [ "$(cat "$SWIFT_ROOT/$SWIFT_STAMP" 2>/dev/null)" = "$SWIFT_ROOT_VERSION" ]
}
