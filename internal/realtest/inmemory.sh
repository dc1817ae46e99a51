#!/bin/sh
# Runs a command whose temporary files are in memory where the machine has room for that, for
# tests: they commit some hundred thousand times, and half of the time of a commit is the disk's.
# What a killed process wrote is there all the same; no test ends the machine. TMPDIR, where it is
# set, is where they stay.
set -u
memory=/dev/shm
room=4194304 # KiB, to be free there, and as much again beside it

# fits tells whether there is room, and whether programs may be run from there. All runs of a user
# share the folder: go test would take none of its results from its cache under another name.
fits() {
	[ -d "$memory" ] && [ -w "$memory" ] || return 1
	free=$(df -Pk "$memory" 2>/dev/null | awk 'NR == 2 { print $4 }')
	available=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)
	[ "${free:-0}" -ge "$room" ] && [ "${available:-0}" -ge $((2 * room)) ] || return 1
	folder="$memory/rind-tests-$(id -u)"
	mkdir -p "$folder" && [ "$(stat -c %u "$folder")" = "$(id -u)" ] && [ ! -L "$folder" ] || return 1
	chmod 1777 "$folder" || return 1 # some tests run programs of other users
	find "$folder" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} + # of a run that was killed
	printf '#!/bin/sh\n' >"$folder/try-$$" && chmod 700 "$folder/try-$$" || return 1
	"$folder/try-$$" 2>/dev/null
	runs=$?
	rm -f "$folder/try-$$"
	return $runs
}

if [ -z "${TMPDIR:-}" ] && fits; then
	GOTMPDIR=${GOTMPDIR:-/tmp} # what is only built is no smaller there, and is not committed
	TMPDIR=$folder
	export GOTMPDIR TMPDIR
fi
exec "$@"
