#!/bin/sh
# Makes a virtual environment with a Python version that all pinned packages are tested with.
# usage: venv.sh FOLDER
set -eu

for python in python3 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        found=$python
        break
    fi
done
if [ -z "${found:-}" ]; then
    echo "No Python 3.11, 3.12 or 3.13 was found: install one, so that python3 or python3.x starts it." >&2
    exit 1
fi
# Debian and Ubuntu ship ensurepip in a separate package.
if ! "$found" -c 'import ensurepip' 2>/dev/null; then
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    sh "$(dirname "$0")/debian.sh" "python$version-venv"
fi
"$found" -m venv --clear "$1" || {
    rm -rf "$1" # an incomplete environment would look like a complete one
    exit 1
}
