#!/bin/bash
# Somebody without the passphrase on the same wire: 10,000 forged announcements
# a second from ever new sources, and everything that was ever announced played
# back. Members stay members, a new honest node gets in, nobody comes back from
# the dead, and it costs little. And a node that was told to be quiet is.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

seconds=2 pool=20000 replays=20000 accepted=4000
full && seconds=10 pool=100000 replays=100000 accepted=2000

hosts alpha beta gamma delta quiet mallory
new_phrase
mesh=$(cut -d- -f1 "$PHRASE")
key_known alpha beta gamma delta quiet
wire_start mallory record "$W/recorded"
node_launch alpha
node_launch beta
await_full 60 alpha beta || fail "no mesh to be hostile to"
wire_stop mallory record >"$W/kept"
[ "$(cat "$W/kept")" -gt 0 ] || fail "nothing was recorded"

# --- the flood
nsenter --net=/run/netns/mallory "$BUILD/test/netns/flood" eth0 "$mesh" \
	$pool 10000 $seconds "$W/recorded" >"$W/flood" 2>&1 {NAP}>&- &
flood=$! MINE[$!]=flood
declare -A cpu=() kib=()
for name in alpha beta; do kib[$name]=$(resident_kib "${PID[$name]}"); done
expect_soon 60 "the flood begins" grep -q ready "$W/flood"
begin=$(clock_ms) lost=$(waited_ms)
for name in alpha beta; do cpu[$name]=$(cpu_ms "${PID[$name]}"); done
node_launch gamma
await_found 60 "$begin" gamma alive alpha beta ||
	fail "a new honest node does not get in"
# What the machine kept from them while it ran others is not theirs.
lost=$(($(waited_ms) - lost))
say "flood: a new honest node is accepted after $last_ms ms (goal: 2000 ms;" \
	"nodes waited $lost ms for a processor)"
[ "$last_ms" -le $((accepted * PATIENCE + lost)) ] || fail "accepted after $last_ms ms"
wait $flood || fail "flood: $(cat "$W/flood")"
unset "MINE[$flood]"
took=$(($(clock_ms) - begin))
say "flood: $(tail -n 1 "$W/flood")"
for name in alpha beta; do
	share=$((($(cpu_ms "${PID[$name]}") - cpu[$name]) * 100 / took))
	grown=$(($(resident_kib "${PID[$name]}") - kib[$name]))
	say "flood: $name: $share % of a core (goal: 25)," \
		"grew by $grown KiB (goal: 1024)"
	[ $share -le $((25 * PATIENCE)) ] || fail "$name needs $share % of a core"
	[ $grown -le $((1024 * PATIENCE)) ] || fail "$name grew by $grown KiB"
done
[ "$(told 0 dead alpha beta gamma)" = 0 ] || fail "a flood kills members"
changes alpha beta gamma | awk '$3 ~ /^forged/' >"$W/forged"
[ ! -s "$W/forged" ] || fail "forged members: $(head -n 3 "$W/forged")"
await_full 60 alpha beta gamma || fail "a flood separates members"

# --- played back: beta is dead, gamma left and came back, delta left, and alpha,
# which began anew, must know that. Beside them is one that is to be quiet: on a
# host that nobody knows, while others announce.
wire_start mallory record "$W/replayed"
wire_start quiet count
node_up quiet --discovery off
begin=$(clock_ms)
node_kill beta
await_found 60 "$begin" beta dead alpha gamma || fail "beta is not missed"
node_launch delta
await 60 eval '[ "$(full_views 2 alpha gamma delta | cut -d" " -f1)" = 3 ]' ||
	fail "no full views"
node_stop delta
await_found 60 "$begin" delta left alpha gamma || fail "delta's goodbye is unheard"
node_stop gamma & # both at once; gamma is waited for here
node_stop alpha
wait $!
unset "MINE[${PID[gamma]}]"
node_launch alpha
node_launch gamma
await 60 eval '[ "$(full_views 1 alpha gamma | cut -d" " -f1)" = 2 ]' ||
	fail "gamma and alpha are not back"
# What they remember of others is settled: nobody's state is still to change.
settled() {
	[ "$(changes alpha gamma | awk '{ state[$2, $3] = $5 }
		END { for (each in state) n += state[each] ~ /heard|suspect/
			print n + 0 }')" = 0 ]
}
await 60 settled || fail "not settled: $(changes alpha gamma)"
wire_stop mallory record >"$W/kept"
say "replay: of $(cat "$W/kept") recorded announcements, and those before"
cat "$W/recorded" >>"$W/replayed"
begin=$(clock_ms)
in_host mallory "$WIRE" replay eth0 "$W/replayed" $replays 20000 >"$W/replay"
say "replay: $(cat "$W/replay")"
await 1 false
changes alpha gamma | awk -v since="$begin" '$1 >= since' >"$W/fooled"
[ ! -s "$W/fooled" ] || fail "played back, and believed: $(cat "$W/fooled")"
say "replay: 0 accepted"

# --- off is off
wire_stop quiet count >"$W/count"
jq -e '[.sent | to_entries[] | select(.key != "ndp" and .key != "arp") |
	.value.frames] | add == 0' "$W/count" >/dev/null ||
	fail "--discovery off sends: $(jq -c .sent "$W/count")"
jq -e '.received.udp.frames > 0' "$W/count" >/dev/null ||
	fail "nobody else announced anything: the proof is none"
say "--discovery off: silent"
