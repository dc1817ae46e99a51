#!/bin/sh
# Installs what the tests drive: programs, on Debian, as root; the upload clients that
# people use today, each in a virtual environment of its own, pinned with hashes; and
# axe-core, which looks for what stands in the way of people who use a page without eyes,
# mouse or good light. Elsewhere it names what is missing and fails. RIND_SKIP_REAL=1 goes
# without them, and the tests that need them say that they were skipped.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

packages="chromium-headless-shell curl twine flit python3-poetry python3-pymacaroons python3-build python3-wheel python3-keyring python3-pip python3-venv python3-yaml oathtool nginx caddy postgresql"

# The clients, uv first: it installs the others. clients/NAME.txt says what each is.
clients="uv twine poetry flit hatch pdm maturin pypitoken pip pypiserver devpi"

# axe-core as the npm registry has it: the version, and the "integrity" of its
# archive (sha512) in hexadecimal digits. realtest.go names the version too.
axe_version=4.14.1
axe_sha512=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5

# has tells whether a Debian package is installed.
has() {
	[ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null || true)" = "install ok installed" ]
}

# find_packages sets missing to the Debian packages that are not installed.
find_packages() {
	missing=""
	for p in $packages; do
		has "$p" || missing="$missing $p"
	done
	command -v npm >/dev/null 2>&1 || missing="$missing npm" # not always Debian's
}

install_packages() {
	if ! command -v dpkg-query >/dev/null 2>&1; then
		echo "The tests drive real upload clients and a browser, and this system has no dpkg to look for them."
		echo "Needed, by Debian's names: $packages"
		echo "Run the tests on Debian, or set RIND_SKIP_REAL=1 to go without these tests."
		exit 1
	fi
	find_packages
	[ -z "$missing" ] && return
	if [ "$(id -u)" = 0 ]; then
		export DEBIAN_FRONTEND=noninteractive
		echo "Installing for the tests:$missing"
		# shellcheck disable=SC2086 # a list of names
		if apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
			return
		fi
		find_packages
	fi
	if [ "$missing" = " chromium-headless-shell" ] && has chromium; then
		echo "The tests drive the whole of Chromium, which this system has. With chromium-headless-shell they take less time."
		return
	fi
	echo "The tests need these Debian packages:$missing"
	echo "Run 'sudo apt-get install -y --no-install-recommends$missing', or set RIND_SKIP_REAL=1 to go without these tests."
	exit 1
}

# client_folder is where a client is: another requirements file is another folder.
client_folder() {
	echo "$tools/clients/$1-$(sha256sum "$here/clients/$1.txt" | cut -c1-16)"
}

# install_client makes the virtual environment of one client. A folder without the file
# "complete" is what an installation left that was cut short.
install_client() {
	folder=$(client_folder "$1")
	rm -rf "$folder"
	if [ "$1" = uv ]; then
		/usr/bin/python3 -m venv "$folder" &&
			"$folder/bin/pip" install -q --disable-pip-version-check --only-binary :all: --require-hashes -r "$here/clients/uv.txt"
	else
		uv=$(client_folder uv)/bin/uv
		"$uv" venv -q --python /usr/bin/python3 "$folder" &&
			"$uv" pip install -q --compile-bytecode --python "$folder/bin/python" --only-binary :all: --require-hashes -r "$here/clients/$1.txt"
	fi && touch "$folder/complete"
}

install_clients() {
	mkdir -p "$tools/clients"
	exec 9>"$tools/clients/lock"
	flock 9 # one at a time, for all work trees of a user
	missing=""
	for c in $clients; do
		[ -e "$(client_folder "$c")/complete" ] || missing="$missing $c"
	done
	[ -z "$missing" ] || echo "Installing for the tests from the Python package index:$missing"
	failed=""
	for c in $missing; do
		UV_CACHE_DIR="$tools/uv-cache" install_client "$c" || failed="$failed $c"
		case " $failed " in *" uv "*) failed=$missing; break ;; esac # it installs the others
	done
	flock -u 9
	[ -z "$failed" ] && return
	echo "These upload clients are missing, and the tests drive them:$failed"
	echo "What pip and uv say above is why. Where the Python package index can't be reached from here, name a mirror in PIP_INDEX_URL and UV_DEFAULT_INDEX,"
	echo "or set RIND_SKIP_REAL=1 to go without the tests that need them."
	exit 1
}

install_axe() {
	folder="$tools/axe-core-$axe_version"
	[ -s "$folder/axe.min.js" ] && return
	echo "Installing for the tests: axe-core $axe_version"
	mkdir -p "$tools"
	new=$(mktemp -d "$tools/new-XXXXXX")
	trap 'rm -rf "$new"' EXIT
	if ! npm pack --loglevel=error --pack-destination "$new" "axe-core@$axe_version" >/dev/null; then
		echo "npm could not fetch axe-core $axe_version: see what it says above."
		echo "Name another npm registry in npm_config_registry or in ~/.npmrc, or set RIND_SKIP_REAL=1 to go without the tests that need it."
		exit 1
	fi
	archive="$new/axe-core-$axe_version.tgz"
	if ! echo "$axe_sha512  $archive" | sha512sum -c --status; then
		echo "What npm fetched is not axe-core $axe_version: its SHA-512 is another one."
		exit 1
	fi
	tar -xzf "$archive" -C "$new" package/axe.min.js package/LICENSE
	mkdir -p "$folder"
	mv "$new/package/LICENSE" "$folder/LICENSE"
	mv "$new/package/axe.min.js" "$folder/axe.min.js"
}

if [ "${RIND_SKIP_REAL:-}" = 1 ]; then
	echo "RIND_SKIP_REAL=1: the tests with real clients and a browser will be skipped."
	exit 0
fi
tools="${XDG_CACHE_HOME:-${HOME:?}/.cache}/rind-tests" # realtest.go looks there too
install_packages
install_clients
install_axe
