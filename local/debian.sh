#!/bin/sh
# Installs a package of Debian or Ubuntu, as root or with a sudo that needs no password.
# usage: debian.sh PACKAGE
set -eu

if ! command -v apt-get >/dev/null; then
    echo "$1 is missing: install it with this system's package manager and try again." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo=sudo
else
    echo "$1 is missing: install it with 'sudo apt-get install $1' and try again." >&2
    exit 1
fi
echo "Installing the Debian package $1 ..."
$sudo apt-get -qq update </dev/null
$sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --yes --no-install-recommends "$1" </dev/null >/dev/null
