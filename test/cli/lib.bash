# What the tests of commands share, sourced: a room of their own in $W, which goes
# at the end, and what a command ended with.
set -u
: "${POSTHOUSE:=$PWD/build/posthouse}"
W=$(mktemp -d "${TMPDIR:-/tmp}/cli.XXXXXX")
trap 'rm -rf "$W"' EXIT

fail() {
	echo "FAILED: $*"
	exit 1
}

# EXIT COMMAND...: what it says is left in $W/said.
expect_exit() {
	local wanted=$1 code
	shift
	timeout 120 "$@" >"$W/said" 2>"$W/told"
	code=$?
	[ $code -eq "$wanted" ] ||
		fail "'$*' ended with $code, not $wanted: $(cat "$W/said" "$W/told")"
}
expect_said() {
	grep -qF -- "$1" "$W/said" || fail "'$1' is not in: $(cat "$W/said")"
}
