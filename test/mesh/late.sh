#!/bin/bash
# Wired to a mux behind the end of its stream, while another consumer has not
# consumed that yet: who comes so late gets BEGIN and END, on this node and on
# another, and the source is done when the slow one is.
. "$(dirname "$0")/lib.bash"

root=$(cd "$(dirname "$0")/../.." && pwd)
CC=${CC:-cc}
command -v "$CC" >/dev/null || skip "no C compiler here"
san=
case $BUILD in *san-*) san=${BUILD##*san-} san="-fsanitize=${san//-/,}" ;; esac
# shellcheck disable=SC2086
$CC -O2 -D_GNU_SOURCE $san -I"$root/library" -o "$W/lossy" \
	"$root/test/mesh/lossy.c" "$BUILD/libposthouse.a" ||
	fail "lossy.c does not compile"
new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 60 "the line is up" has_lines beta 1

mkfifo "$W/go"
exec {GO}<>"$W/go"
run() { # NODE NAME COMMAND...
	local node=$1 name=$2
	shift 2
	POSTHOUSE_SOCKET=$W/$node.sock "$W/lossy" "$@" \
		<"$W/go" >"$W/$name.out" 2>&1 {NAP}>&- {GO}>&- &
	MINE[$!]=$name PID_OF[$name]=$!
	expect_soon 60 "$name attached" grep -q attached "$W/$name.out"
}
says() { grep -q -- "$2" "$W/$1.out"; }
all_sent() {
	holds alpha '.items[] | select(.to == "alpha/slow:in")
		| .sent.messages == 100' connections
}

declare -A PID_OF=()
run alpha flood flood flood 100 1000 100
run alpha slow count slow
run alpha here count here
run beta there count there
expect_exit 0 ph alpha connect flood:out slow:in
kill -STOP "${PID_OF[slow]}"
echo go >&$GO
expect_soon 60 "all was sent" all_sent
for late in alpha/here beta/there; do
	expect_exit 0 ph alpha connect flood:out "$late:in"
	expect_soon 60 "$late saw the end ($(cat "$W/${late#*/}.out"))" \
		says "${late#*/}" "came=0 .* last=end"
done
says flood finish && fail "it was done before the slow one was"
kill -CONT "${PID_OF[slow]}"
expect_soon 60 "the source is done" says flood finish=0
says slow "came=100 .* last=end" || fail "slow: $(cat "$W/slow.out")"
expect_soon 60 "all wires have ended" all_ended alpha
say "late: done"
