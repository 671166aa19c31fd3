#!/bin/bash
# Carriers cut under policies that drop: a relay that is slower than the source
# cuts the carriers of four consumers of one mux, each with another `on_full`.
# Whatever is lost is lost in queues and said by GAP: what came and what GAPs
# say is what was sent, message by message and to the byte. Who is disconnected
# sees his stream cut, never wrong, and is wired again.
. "$(dirname "$0")/anew.bash"
. "$(dirname "$0")/lib.bash"

root=$(cd "$(dirname "$0")/../.." && pwd)
CC=${CC:-cc}
count=48000 size=2000 per_ms=6 rate=$((2 << 20))
full && count=480000
: "${PH_SEED:=$(($(date +%s%N) / 1000))}"
say "PH_SEED=$PH_SEED"

san=
case $BUILD in *san-*) san=${BUILD##*san-} san="-fsanitize=${san//-/,}" ;; esac
$CC -O2 -D_GNU_SOURCE -o "$W/relay" "$root/test/mesh/relay.c" ||
	fail "the relay does not compile"
# shellcheck disable=SC2086
$CC -O2 $san -I"$root/library" -o "$W/lossy" "$root/test/mesh/lossy.c" \
	"$BUILD/libposthouse.a" || fail "lossy.c does not compile"
new_phrase
node_up beta
"$W/relay" "$(address beta | sed 's/.*://')" "$PH_SEED" $rate \
	>"$W/cuts" 2>&1 {NAP}>&- &
MINE[$!]=relay
expect_soon 5 "the relay listens" test -s "$W/cuts"
node_up alpha --join "127.0.0.1:$(head -n 1 "$W/cuts")"
expect_soon 15 "the line is up" has_lines alpha 1

policies="drop-oldest drop-newest latest disconnect"
mkfifo "$W/go"
exec {GO}<>"$W/go"
run() { # NODE NAME COMMAND...
	local node=$1 name=$2
	shift 2
	POSTHOUSE_SOCKET=$W/$node.sock "$W/lossy" "$@" \
		<"$W/go" >"$W/$name.out" 2>&1 {NAP}>&- {GO}>&- &
	MINE[$!]=$name
	expect_soon 10 "$name attached" grep -q attached "$W/$name.out"
}
run alpha flood flood flood $count $size $per_ms
{
	printf 'wiring: 1\nname: lossy\nwires:\n'
	for policy in $policies; do
		echo "  - {from: alpha/flood:out, to: beta/$policy:in," \
			"on_full: $policy}"
	done
} >"$W/lossy.yaml"
for policy in $policies; do run beta "$policy" count "$policy"; done
applied() { ph alpha apply "$W/lossy.yaml"; }
expect_soon 30 "applied" applied
all_open() {
	holds alpha '[.items[] | select(.state | test("open|idle|flowing"))]
		| length == 4' connections
}
expect_soon 30 "all are wired" all_open
echo go >&$GO

past() {
	say "it went past the relay: $*"
	exit 99
}
says() { grep -q -- "$2" "$W/$1.out"; }
expect_soon 90 "the flood is over" says flood finish=0
# All there is to be had of it.
bytes=0
for ((n = 0; n < count; n++)); do
	bytes=$((bytes + 4 + n * 7919 % size))
done
for policy in drop-oldest drop-newest latest; do
	expect_soon 60 "$policy ended ($(cat "$W/$policy.out"))" \
		says "$policy" last=end
	say "$policy: $(tail -n 1 "$W/$policy.out")"
	read -r came got lost gone gaps < <(sed -n \
		's/^came=\([0-9]*\) bytes=\([0-9]*\) lost=\([0-9]*\) lost_bytes=\([0-9]*\) gaps=\([0-9]*\) .* last=end/\1 \2 \3 \4 \5/p' \
		"$W/$policy.out")
	[ $((came + lost)) -eq $count ] ||
		fail "$policy: $came came, $lost lost, of $count"
	[ $((got + gone)) -eq $bytes ] ||
		fail "$policy: $got bytes came, $gone lost, of $bytes"
	[ "$gaps" -gt 0 ] || past "$policy: nothing was dropped"
	says "$policy" last=cut && fail "$policy: its stream was cut"
	[ "$(ask alpha ".items[] | select(.to == \"beta/$policy:in\")
		| .dropped.messages" connections)" = "$lost" ] ||
		fail "$policy: the views count other losses"
done
says disconnect last=cut || past "the slow one was never disconnected"
for policy in $policies; do
	says "$policy" wrong && fail "$policy: $(cat "$W/$policy.out")"
done
grep -q 'lost=[1-9]' "$W/disconnect.out" &&
	fail "a stream that loses nothing has a gap"
say "disconnect: $(grep -c last=cut "$W/disconnect.out") streams cut"
resumed=$(grep -c 'wire resumed' "$W/alpha.log")
say "$(grep -c '^cut' "$W/cuts") cuts, resumed $resumed times"
[ "$resumed" -ge 6 ] || past "carriers were cut only $resumed times"
