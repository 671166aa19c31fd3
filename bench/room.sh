# shellcheck shell=sh
# What the scripts here share, sourced: a room of their own in $dir, children
# that end with them, and how they say why they cannot.
posthouse=${POSTHOUSE:-build/posthouse}
dir=$(mktemp -d)
children=
finish() {
	for child in $children; do
		kill "$child" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

cannot() {
	echo "$1"
	exit 0
}

# until_true WHAT SECONDS COMMAND...: polls.
until_true() {
	what=$1 left=$(($2 * 50))
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || cannot "$what"
		sleep 0.02
	done
}

# The passphrase of the nodes, in $dir/phrase.
phrase() {
	[ -x "$posthouse" ] || cannot "build/posthouse is not built"
	"$posthouse" passphrase >"$dir/phrase" 2>/dev/null ||
		cannot "posthouse passphrase fails"
	chmod 600 "$dir/phrase"
}
