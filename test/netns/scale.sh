#!/bin/bash
# A hundred nodes (12 in the short dose; NODES says another number), each on a
# host of its own behind one switch: how soon they all know each other, how soon
# a dead one is missed, what they cost while nothing happens. Prints its
# figures; the long dose fails when one misses its goal.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

NODES=${NODES:-12}
full && [ "$NODES" = 12 ] && NODES=100
seconds=4
full && seconds=60

missed=0
# WHAT VALUE GOAL UNIT: the short dose, with little time and a busy machine, is
# content with three times the goal.
goal() {
	local limit=$3 word=
	full || limit=$(($3 * 3 * PATIENCE))
	[ "$2" -le "$3" ] || word=", MISSED"
	say "$NODES nodes: $1: $2 $4 (goal: $3 $4$word)"
	[ "$2" -le "$limit" ] || missed=$((missed + 1))
}

# FLAGS...: all of them anew, on fresh states. Sets last_start.
start_all() {
	local name
	rm -rf "${HOSTS[@]/#/$W/}" "$W"/h*.log
	key_known "${HOSTS[@]}"
	for name in "${HOSTS[@]}"; do node_launch "$name" "$@"; done
	last_start=$(clock_ms)
}
kill_all() {
	local name
	for name in "${HOSTS[@]}"; do node_kill "$name"; done
}

others_of() {
	local name
	for name in "${HOSTS[@]}"; do [ "$name" = "$1" ] || echo "$name"; done
}

say "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
hosts "$NODES"
new_phrase
victim=h$((NODES / 2 + 1))
mapfile -t others < <(others_of $victim)

start_all
await_full 60 "${HOSTS[@]}" || fail "no full views with multicast"
goal "full views after the last start" $((full_at - last_start)) 2000 ms
calm=$(clock_ms)

# What remains of the start (fast start, enrolment) is no idling.
await 8 false
measure_idle $seconds "${HOSTS[@]}"
goal "sent by an idle node" $idle_bytes 350 B/s
goal "resident, the largest" $idle_kib 8192 KiB
say "$NODES nodes: CPU of an idle node: $((idle_cpu / 100)).$(printf %02d \
	$((idle_cpu % 100))) % of a core (goal: 0.20)"
# Ticks of 10 ms: too coarse in the short dose.
full && [ "$idle_cpu" -gt 20 ] && missed=$((missed + 1))

begin=$(clock_ms)
node_kill $victim
await_found 60 "$begin" $victim dead "${others[@]}" ||
	fail "a killed node is not missed by all"
goal "SIGKILL seen by the first" "$first_ms" 1000 ms
goal "SIGKILL seen by all" "$last_ms" 2000 ms
node_launch $victim
back=$(clock_ms)
await_full 60 "${HOSTS[@]}" || fail "no full views after a restart"
say "$NODES nodes: restarted, full views after $((full_at - back)) ms"

silence $victim
begin=$(clock_ms)
await_found 60 "$begin" $victim dead "${others[@]}" ||
	fail "a silent node is not missed by all"
goal "silence seen by the first" "$first_ms" 6500 ms
goal "silence seen by all, after the first" $((last_ms - first_ms)) 500 ms
wrong=$(told "$calm" dead "${others[@]}")
# The silent one hears nobody and is right to give them all up.
own=$(changes $victim | awk '$5 == "dead"' | wc -l)
goal "false deaths" $((wrong - own)) 0 deaths
heal
await_full 60 "${HOSTS[@]}" || fail "no full views after silence"
say "$NODES nodes: silence over, full views after $((full_at - begin - last_ms)) ms"
neighbours_overflown && fail "the kernel's table of neighbours overflowed"

kill_all
no_multicast
start_all --join "$(address h1)"
await_full 60 "${HOSTS[@]}" || fail "no full views with one seed"
goal "full views, one seed, no multicast" $((full_at - last_start)) 5000 ms

say "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
[ $missed = 0 ] || fail "$missed goals were missed"
