#!/bin/sh
# Makes a virtual environment with a Python that every pinned package has been tried on.
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
# Debian and Ubuntu keep this part of Python in a package of its own.
if ! "$found" -c 'import ensurepip' 2>/dev/null; then
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    sh "$(dirname "$0")/debian.sh" "python$version-venv"
fi
"$found" -m venv --clear "$1" || {
    rm -rf "$1" # half of one would be taken for a whole one
    exit 1
}
