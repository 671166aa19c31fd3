#!/bin/bash
# What supervision promises: one of fifty is restarted and the others lose
# nothing; who crashes in a loop is given up instead of its sixth start, and
# costs nothing from then on; an exit is seen at once. PH_DOSE=full: more of it.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
servers=50
bytes=$((12 << 20))
full && bytes=$((64 << 20))
{
	printf 'wiring: 1\nname: fifty\nservers:\n'
	for ((i = 1; i <= servers; i++)); do
		echo "  from$i: {use: zero, with: {bytes: $bytes}}"
		echo "  through$i: {exec: [cat]}"
		echo "  to$i: {use: \"null\"}"
	done
	echo 'wires:'
	for ((i = 1; i <= servers; i++)); do
		echo "  - from$i -> through$i:stdin"
		echo "  - through$i:stdout -> to$i"
	done
} >"$W/fifty.yaml"
taken() { ask alpha "[.items[] | select(.from == \"alpha/through7:stdout\").received.bytes] | add" connections; }
is_under_way() { [ "$(taken)" -gt 0 ]; }
ended() { holds alpha '[.items[] | select(.reason == "end")] | length == '$((2 * servers)) connections; }

expect_exit 0 ph alpha apply "$W/fifty.yaml"
expect_soon 10 "through7 passes bytes on" is_under_way
expect_exit 0 ph alpha restart through7
busy=$(ask alpha '[.items[] | select(.state == "flowing" or .state == "blocked")] | length' connections)
expect_soon 60 "all streams have ended" ended
lost=$(ask alpha "[.items[] | select((.from | contains(\"through7\") or contains(\"from7\")) | not)
	| select(.received.bytes != $bytes or .sent.bytes != $bytes or .dropped.messages != 0)] | length" connections)
[ "$lost" = 0 ] || fail "$lost of the others' wires lost something"
again=$(ask alpha '[.items[] | select(.restarts > 0).name] | sort | join(" ")' servers)
[ "$again" = "from7 through7" ] || fail "started again: $again"
say "one of $servers restarted, $busy wires busy: the others' $bytes bytes each, none lost: ok"
expect_exit 0 ph alpha unapply fifty

cat >"$W/crash.yaml" <<END
wiring: 1
name: crash
servers:
  crash: {exec: [sh, -c, "exit 3"]}
  victim: {exec: [sleep, "1000"], restart: never}
END
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/${PID[alpha]}/stat"; }
state() { ask alpha ".items[] | select(.name == \"$1\").state" servers; }
is_failed() { [ "$(state "$1")" = failed ]; }
expect_exit 0 ph alpha apply "$W/crash.yaml"
expect_soon 20 "crash is given up" is_failed crash
starts=$(grep -c 'server=crash .*to=starting' "$W/alpha.log")
[ "$starts" = 5 ] || fail "crash was started $starts times"
before=$(ticks)
read -rt 2 -u "$NAP"
spent=$(($(ticks) - before))
[ $spent -le $((2 * PATIENCE)) ] || fail "a node with a given up server spent $spent ticks in 2 s"
say "given up instead of the sixth start, then $spent ticks of 10 ms in 2 s: ok"

# From the signal to the state: the node says when, the shell when it sent it.
rounds=12
full && rounds=200
for ((i = 0; i < rounds; i++)); do
	expect_exit 0 ph alpha start victim
	pid=$(ask alpha '.items[] | select(.name == "victim").pid' servers)
	sent=${EPOCHREALTIME/./}
	kill -9 "$pid"
	expect_soon 5 "its end is seen" is_failed victim
	since=$(ask alpha '.items[] | select(.name == "victim").since' servers)
	echo $((since / 1000 - sent))
done | sort -n >"$W/took"
[ "$(wc -l <"$W/took")" = $rounds ] || fail "$(cat "$W/took")"
holds alpha '.items[] | select(.name == "victim").reason | startswith("ended by signal 9")' servers ||
	fail "it is not said what ended it"
quarter=$(sed -n "$((rounds / 4))p" "$W/took")
middle=$(sed -n "$((rounds / 2))p" "$W/took") most=$(tail -n 1 "$W/took")
late=$(sed -n "$(((rounds * 99 + 99) / 100))p" "$W/took")
# Beside other programs each wakes late: what asked around now and then would be
# late in every second case, and is not in the best quarter.
full || [ "$middle" -le 10000 ] || say "beside others: a quarter after $quarter us"
full && quarter=$middle
[ "$quarter" -le $((10000 * PATIENCE)) ] || fail "an exit is seen after $quarter us"
say "an exit is seen after $middle us (median of $rounds), p99 $late us, at most $most us: ok"

# Ignored signals are inherited: a node whose parent ignores SIGCHLD hears of
# its programs' ends all the same.
if env --ignore-signal=CHLD true 2>/dev/null; then
	cat >"$W/deaf" <<-END
		#!/bin/sh
		exec env --ignore-signal=CHLD "$POSTHOUSE" "\$@"
	END
	chmod +x "$W/deaf"
	sed 's/crash/short/' "$W/crash.yaml" >"$W/short.yaml"
	POSTHOUSE=$W/deaf node_up beta
	expect_exit 0 ph beta apply "$W/short.yaml"
	has_failed() { holds beta '.items[] | select(.name == "short").state == "failed"' servers; }
	expect_soon 20 "the end is heard of" has_failed
	node_stop beta || fail "beta ended with $?"
	say "started by who ignores SIGCHLD, it hears of its programs' ends: ok"
fi
