#!/bin/sh
# Builds, tests and type-checks the pip package: build.sh build | test [pytest arguments] | types | wheel
# CARGO_TARGET_DIR   where cargo builds; absent: target
# CAUSEWIRE_PROFILE  debug (default), release or dist
# CAUSEWIRE_VENV     the virtual environment; absent: $CARGO_TARGET_DIR/python-venv
# PYTHON             a Python of at least 3.10 to make it with; absent: the first that is found
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")
target=${CARGO_TARGET_DIR:-$root/target}
profile=${CAUSEWIRE_PROFILE:-debug}
venv=${CAUSEWIRE_VENV:-$target/python-venv}

find_python() {
	for name in ${PYTHON-} python3 python3.11 python3.12 python3.13 python3.14 python3.10; do
		# asked to run, because the name may be the shim of a version that is not there
		if "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
			echo "$name"
			return
		fi
	done
	echo "build.sh: no Python of at least 3.10 found; set PYTHON" >&2
	exit 1
}

# Again only when the requirements have changed.
make_venv() {
	if cmp -s "$here/requirements-dev.txt" "$venv/requirements-dev.txt"; then
		return
	fi
	python=$(find_python)
	"$python" -m venv --clear "$venv"
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements-dev.txt"
	site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	echo "$here/python" >"$site/causewire.pth"
	cp "$here/requirements-dev.txt" "$venv/requirements-dev.txt"
}

cargo_build() { # cargo_build PACKAGE [FEATURES]
	# `debug` is the directory of cargo's profile `dev`
	case $profile in
	debug) (cd "$root" && cargo build --quiet -p "$1" --features "${2-}") ;;
	*) (cd "$root" && cargo build --quiet --profile "$profile" -p "$1" --features "${2-}") ;;
	esac
}

# What is published has nothing that only tests use.
features() {
	if [ "$profile" != dist ]; then echo plant-panic; fi
}

# The package in the work tree is what the environment imports; cargo only has to leave the module in it.
build() {
	make_venv
	cargo_build causewire-python "$(features)"
	made=$target/$profile/lib_causewire.so
	[ -f "$made" ] || made=$target/$profile/lib_causewire.dylib
	# moved into place, because a running process may have the old one mapped
	cp "$made" "$here/python/causewire/_causewire.abi3.so.new"
	mv "$here/python/causewire/_causewire.abi3.so.new" "$here/python/causewire/_causewire.abi3.so"
}

what=${1-}
[ $# -gt 0 ] && shift
case $what in
build)
	build
	;;
test)
	build
	cargo_build causewire-testbed
	CAUSEWIRE_TESTBED=${CAUSEWIRE_TESTBED:-$target/$profile/causewire-testbed} \
		"$venv/bin/python" -m pytest -c "$here/pyproject.toml" --rootdir "$here" "$@" "$here/tests"
	;;
types)
	make_venv
	(cd "$here" && "$venv/bin/python" -m mypy --cache-dir "$target/mypy")
	# by itself: its modules have the names of the benchmarks'
	(cd "$here" && "$venv/bin/python" -m mypy --cache-dir "$target/mypy" "$root/tests/interop/python")
	;;
wheel)
	make_venv
	"$venv/bin/maturin" build --profile dist --manifest-path "$here/Cargo.toml" --out "$target/wheels"
	;;
*)
	echo "usage: bindings-python/build.sh build | test [pytest arguments] | types | wheel" >&2
	exit 2
	;;
esac
