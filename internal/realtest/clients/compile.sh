#!/bin/sh
# Writes the requirements files beside this script anew: each client at the version that
# stands here, with the hashes of all that it needs. install.sh installs from them and from
# nothing else. To take a newer version, change it here, run this with uv in PATH, look at
# what changed, and run the tests.
set -eu
cd "$(dirname "$0")"

compile() {
	name=$1
	shift
	printf '%s\n' "$@" | uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-config --output-file "$name.txt" -
}

compile uv uv==0.13.8
compile twine twine==7.0.0
compile poetry poetry==2.5.1
compile flit flit==4.2.0
compile hatch hatch==1.18.2
compile pdm pdm==2.29.4 'hishel<2' # it does not start with hishel 2
compile maturin maturin==1.16.0
compile pypitoken pypitoken==7.1.1
compile pip pip==26.3
compile pypiserver 'pypiserver[passlib]==2.4.2'
compile devpi devpi-server==6.20.3
