#!/bin/sh
# Installs the programs that the tests drive: on Debian, as root. Elsewhere it
# names what is missing and fails. RIND_SKIP_REAL=1 goes without them, and the
# tests that need them say that they were skipped.
set -eu

packages="chromium twine flit python3-poetry python3-pymacaroons python3-build python3-wheel python3-keyring python3-pip oathtool"

if [ "${RIND_SKIP_REAL:-}" = 1 ]; then
	echo "RIND_SKIP_REAL=1: the tests with real clients and a browser will be skipped."
	exit 0
fi

missing=""
if command -v dpkg-query >/dev/null 2>&1; then
	for p in $packages; do
		status=$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true)
		[ "$status" = "install ok installed" ] || missing="$missing $p"
	done
else
	echo "The tests drive real upload clients and a browser, and this system has no dpkg to look for them."
	echo "Needed, by Debian's names: $packages"
	echo "Run the tests on Debian, or set RIND_SKIP_REAL=1 to go without these tests."
	exit 1
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ]; then
	echo "The tests need these Debian packages:$missing"
	echo "Run 'sudo apt-get install -y --no-install-recommends$missing', or set RIND_SKIP_REAL=1 to go without these tests."
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing for the tests:$missing"
apt-get update -qq
# shellcheck disable=SC2086 # a list of names
apt-get install -y -qq --no-install-recommends $missing >/dev/null
