#!/bin/bash
# Nodes are killed while wires over all of them are being exchanged for others.
# When the killed one is back, what the guest books show in use is what the
# connectome has, wire by wire; and a program that shares no code with the
# Hostess finds no terminal with two holders, and no booking without its
# connection. PH_SEED repeats a run.
. "$(dirname "$0")/lib.bash"

root=$(cd "$(dirname "$0")/../.." && pwd)
${CC:-cc} -O1 -o "$W/bookings" "$root/test/mesh/bookings.c" -lsqlite3 ||
	fail "the checker does not build"
rounds=2
full && rounds=40
RANDOM=${PH_SEED:=$((($(date +%s%N) / 1000) % 32768))}
say "PH_SEED=$PH_SEED, $rounds rounds"

nodes=(alpha beta gamma)
three_nodes

# VARIANT: each node feeds a sink on every node, its own (0) or another's (1).
house() {
	local -A next=([alpha]=beta [beta]=gamma [gamma]=alpha)
	local from to
	printf 'wiring: 1\nname: house\nservers:\n'
	for from in "${nodes[@]}"; do
		printf '  src-%s: {host: %s, exec: [sleep, "600"], out: {o: {kind: mux}}}\n' \
			"$from" "$from"
		for to in "${nodes[@]}"; do
			printf "  sink-%s-%s: {host: %s, use: 'null'}\n" \
				"$from" "$to" "$to"
		done
	done
	printf 'wires:\n'
	for from in "${nodes[@]}"; do
		for to in "${nodes[@]}"; do
			[ "$1" = 0 ] && which=$from || which=${next[$from]}
			printf '  - src-%s:o -> sink-%s-%s:in\n' "$from" "$which" "$to"
		done
	done
}
house 0 >"$W/house0.yaml"
house 1 >"$W/house1.yaml"

# Both as lines "CONNECTION NODE/SERVER:TERMINAL".
used() {
	local name
	for name in "${nodes[@]}"; do
		ask "$name" '.items[] | .node as $n | .server as $s | .terminals[] |
			select(.direction == "in") | .name as $t |
			.connections[] | "\(.) \($n)/\($s):\($t)"' guests
	done | sort
}
edges() {
	local name
	for name in "${nodes[@]}"; do
		ask "$name" ".items[] | select(.id | startswith(\"$name#\")) |
			select(.state | test(\"open|flowing|idle\")) |
			\"\(.id) \(.to)\"" connections
	done | sort
}
books_agree() {
	edges >"$W/edges"
	used >"$W/used"
	[ "$(wc -l <"$W/edges")" -eq 9 ] && cmp -s "$W/edges" "$W/used"
}
applied() { ph "$1" apply "$W/house$2.yaml"; }

applied alpha 0 >"$W/said" 2>&1 || fail "apply: $(cat "$W/said")"
expect_soon 20 "nine wires, nine places" books_agree
for ((round = 1; round <= rounds; round++)); do
	victim=${nodes[RANDOM % 3]}
	teller=${nodes[RANDOM % 3]}
	moment=$((RANDOM % 150))
	applied "$teller" $((round % 2)) >"$W/said.$round" 2>&1 &
	telling=$!
	read -rt "$(printf '0.%03d' $moment)" -u "$NAP"
	node_kill "$victim"
	node_up "$victim"
	wait $telling
	told=$?
	expect_soon 30 "round $round: applied" applied "$teller" $((round % 2))
	expect_soon 40 "round $round, $victim killed at $moment ms while $teller \
applied (exit $told): books agree" books_agree
	say "round $round: $victim at $moment ms, $teller applied: exit $told"
done

for name in "${nodes[@]}"; do node_stop "$name"; done
"$W/bookings" alpha="$W/alpha/posthouse.db" beta="$W/beta/posthouse.db" \
	gamma="$W/gamma/posthouse.db" >"$W/verdict" || fail "$(cat "$W/verdict")"
say "$(tail -n 1 "$W/verdict")"
grep -q ' 9 bookings kept' "$W/verdict" || fail "$(cat "$W/verdict")"
# The checker can say no: alpha's connections, of a node of another name.
expect_exit 1 "$W/bookings" omega="$W/alpha/posthouse.db" \
	beta="$W/beta/posthouse.db" gamma="$W/gamma/posthouse.db"
expect_said "a booking without its connection"
say "seats: ok"
