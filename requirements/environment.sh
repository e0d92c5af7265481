#!/bin/sh
# Create .venv from requirements.lock and the lock files given as arguments; every package is checked against its hash.
# Requires python3 (3.11-3.13) with venv.
set -eu

suits() { # can this interpreter run Onehot and create environments?
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if suits "$candidate"; then python=$candidate && break; fi
done
if [ -z "$python" ]; then
    echo "error: no Python 3.11, 3.12 or 3.13 with the module venv was found; python3 is $(python3 --version 2>&1 || true)." >&2
    echo "Install one (on Debian and Ubuntu: python3 and python3-venv), or name it: make repro PYTHON=/path/to/python3.12" >&2
    exit 1
fi
case "$(uname -s)-$(uname -m)" in
    Linux-* | Darwin-arm64) ;;
    *) echo "error: TensorFlow has no package for $(uname -s) on $(uname -m); use Linux, WSL or macOS on Apple silicon." >&2 && exit 1 ;;
esac

usable() { # false for an environment whose creation was interrupted
    suits .venv/bin/python && { [ -x .venv/bin/uv ] || .venv/bin/python -m pip --version >/dev/null 2>&1; }
}
if ! usable; then
    rm -rf .venv
    "$python" -m venv .venv
fi
# uv installs the lock file in seconds; uv itself is in the lock file, and is checked like the other packages.
if [ ! -x .venv/bin/uv ]; then
    sed -n '/^uv==/,/[^\\]$/p' requirements.lock >.venv/uv.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock
fi
# A development environment keeps its tools when only requirements.lock has changed.
if [ $# -eq 0 ] && [ -e .venv/.installed-dev ]; then set -- requirements/dev.lock; fi
# Compile byte code now, once, in half a minute. Where Python may not write it (PYTHONDONTWRITEBYTECODE, as in many
# images), every command would compile TensorFlow and MLflow again, which takes ten seconds each time.
.venv/bin/uv pip sync --python .venv/bin/python --require-hashes --compile-bytecode --quiet requirements.lock "$@"
