#!/bin/sh
# Makes a Swift toolchain available to ./swift, once per user.
#
#   install.sh          a `swift` >= 6.0 on PATH is used as it is; otherwise Debian's own package is unpacked
#                       into a root of its own below the user's cache folder. Nothing on the host is replaced.
#   install.sh --check  only says whether it is there (exit 0) or not (exit 1)
#
# Exit codes: 0 ready, 1 the attempt failed, 3 this machine has no way to get it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

cannot() {
    echo "Swift: $1. Install Swift 6.0 or newer so that \`swift\` is on PATH (https://www.swift.org/install), or run this once as root on a Debian or Ubuntu machine." >&2
    exit 3
}

if swift_on_path || swift_root_ready; then
    exit 0
fi
[ "${1:-}" = --check ] && exit 1

[ "$(uname -s)" = Linux ] || cannot "no \`swift\` >= 6.0 on PATH"
[ "$(id -u)" = 0 ] || cannot "no \`swift\` >= 6.0 on PATH, and making a toolchain root needs root"

export DEBIAN_FRONTEND=noninteractive LC_ALL=C
# A bare environment has no sbin on PATH, where debootstrap and chroot's helpers live.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH

if ! command -v debootstrap >/dev/null || ! command -v bwrap >/dev/null; then
    command -v apt-get >/dev/null || cannot "debootstrap and bubblewrap are missing, and there is no apt-get to install them"
    echo "Swift: installing debootstrap and bubblewrap"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends debootstrap bubblewrap debian-archive-keyring >/dev/null
fi

mkdir -p "$(dirname "$SWIFT_ROOT")"
exec 9>"$SWIFT_ROOT.lock"
flock 9
# Somebody else may have made it while this one waited.
swift_root_ready && exit 0

log="$SWIFT_ROOT.log"
build="$SWIFT_ROOT.partial"
rm -rf "$build"
trap 'rm -rf "$build"' EXIT
trap 'exit 130' INT TERM

# Read by the dpkg inside the root: what a compiler does not need is never unpacked, and a root that is thrown
# away when it is not complete needs no fsync per file.
prepare() {
    rm -rf "$build"
    mkdir -p "$build/etc/dpkg/dpkg.cfg.d"
    cat >"$build/etc/dpkg/dpkg.cfg.d/causewire" <<'CONF'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/libexec/swift/bin/lldb*
path-exclude=/usr/libexec/swift/bin/repl_swift
path-exclude=/usr/libexec/swift/bin/clangd
path-exclude=/usr/libexec/swift/bin/sourcekit-lsp
path-exclude=/usr/libexec/swift/bin/docc
path-exclude=/usr/libexec/swift/bin/swift-format
path-exclude=/usr/libexec/swift/lib/liblldb*
path-exclude=/usr/libexec/swift/lib/libsourcekitd*
path-exclude=/usr/libexec/swift/lib/libLTO*
path-exclude=/usr/libexec/swift/lib/swift/embedded/*
path-exclude=/usr/libexec/swift/lib/swift_static/*
path-exclude=/usr/libexec/swift/share/doc/*
CONF
}

# The mirror that the machine's own apt uses is the one known to be reachable; debootstrap's default comes after it.
mirrors() {
    if command -v apt-get >/dev/null; then
        # shellcheck disable=SC2016  # apt's placeholders, not the shell's
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
            grep -v -e '-security' | sort -u || true
    fi
    echo default
}

bootstrap() {
    prepare
    [ "$1" = default ] && set --
    debootstrap --variant=minbase --include=swiftlang,libc6-dev,libstdc++-14-dev,git \
        "$SWIFT_SUITE" "$build" "$@" >>"$log" 2>&1
}

echo "Swift: making the toolchain root from Debian $SWIFT_SUITE (about 500 MB to download, two minutes)"
: >"$log"
made=
for mirror in $(mirrors); do
    if bootstrap "$mirror"; then
        made=yes
        break
    fi
done
if [ -z "$made" ]; then
    tail -n 20 "$log" >&2
    echo "Swift: the toolchain root could not be made; the whole log is $log" >&2
    exit 1
fi

rm -rf "$build"/var/cache/apt/archives/*.deb "$build"/var/lib/apt/lists/*
echo "$SWIFT_ROOT_VERSION" >"$build/$SWIFT_STAMP"
rm -rf "$SWIFT_ROOT"
mv "$build" "$SWIFT_ROOT"
"$here/swift" --version >>"$log" 2>&1 || {
    rm -f "$SWIFT_ROOT/$SWIFT_STAMP"
    tail -n 5 "$log" >&2
    cannot "the toolchain root is made but bubblewrap cannot run it here"
}
echo "Swift: ready ($(du -sm "$SWIFT_ROOT" | cut -f1) MB in $SWIFT_ROOT)"
