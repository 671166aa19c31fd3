#!/bin/bash
# A thousand servers and a thousand wires on one node: how it is, is answered
# at once; every view shows all of them; and what is changed on one node is
# seen from eight others within a second.
. "$(dirname "$0")/lib.bash"

asked=100
full && asked=2000
many=1000

new_phrase
node_up n1 --http off
for i in $(seq 2 9); do
	mkdir -m 700 "$W/n$i"
	cp -p "$W/n1/mesh.key" "$W/n$i/"
	node_launch "n$i" --join "$(address n1)" --http off
done
{
	echo "wiring: 1"
	echo "name: long"
	echo "servers:"
	echo "  s0: {host: n1, use: clock, with: {every: 1h}}"
	for i in $(seq $many); do echo "  s$i: {host: n1, use: lines}"; done
	echo "wires:"
	for i in $(seq $many); do echo "  - s$((i - 1)):out -> s$i:in"; done
} >"$W/long.yaml"
begin=$(now_ms)
ph n1 apply "$W/long.yaml" --timeout 60s >/dev/null || fail "apply"
say "applied in $(($(now_ms) - begin)) ms"
open() { holds n1 ".items[0].connections.open == $many" status; }
expect_soon 30 "all wires are open" open
say "all open after $(($(now_ms) - begin)) ms"

# The command's own start is taken off: that of one that asks nobody.
times() { # NAME COMMAND...
	local name=$1 begin
	shift
	for _ in $(seq $asked); do
		begin=${EPOCHREALTIME/[.,]/}
		"$@" >/dev/null 2>&1 || fail "$*"
		echo $((${EPOCHREALTIME/[.,]/} - begin))
	done | sort -n >"$W/$name.us"
	awk -v n="$asked" 'NR == int(n / 2) { p50 = $1 } NR == int(n * 0.99) {
		p99 = $1 } END { print p50, p99 }' "$W/$name.us"
}
# Of the node's data thread, so far: ns.
spent() { cut -d' ' -f1 "/proc/${PID[n1]}/task/${PID[n1]}/schedstat"; }
before=$(spent)
read -r p50 p99 < <(times status "$POSTHOUSE" status --socket "$W/n1.sock")
each=$((($(spent) - before) / asked / 1000))
read -r base _ < <(times version "$POSTHOUSE" version)
say "status of $many servers and $many wires, its process with it:" \
	"median $p50 us, p99 $p99 us (a process that asks nobody: $base us)"
say "of the node's data thread, all it did meanwhile: $each us of CPU each"
# What others run meanwhile is not the node's: the median is what it can do, and
# CPU time does not know of them.
[ "$p50" -lt $((50000 * PATIENCE)) ] || fail "status takes $p50 us"
[ "$each" -lt $((10000 * PATIENCE)) ] || fail "status takes $each us of CPU"

[ "$(ask n1 '.items | length' connections)" = $many ] || fail "connections"
[ "$(ask n1 '.items[0].edges | length' topology)" = $many ] || fail "edges"
[ "$(ask n1 '.items[0].nodes | length' topology)" = $((many + 1)) ] ||
	fail "a topology of $(ask n1 '.items[0].nodes | length' topology) servers"
say "every view has all: ok"

# --- one changes, eight others look
for i in $(seq 2 9); do
	expect_soon 20 "n$i knows all" holds "n$i" \
		'[.items[] | select(.state == "alive")] | length == 8' peers
done
cat >"$W/two.yaml" <<END
wiring: 1
name: two
servers:
  from: {host: n1, use: clock}
  to: {host: n1, use: "null"}
END
ph n1 apply "$W/two.yaml" >/dev/null || fail "apply"
# A look that begins when the change was answered shows it: nothing has to come
# around first. How long such a look takes is all that there is to wait for.
look() { # NODE ID
	local begin
	begin=$(now_ms)
	ph "$1" flow n1/from --json >"$W/$1.look" 2>&1
	echo $(($(now_ms) - begin)) >"$W/$1.took"
	grep -qF "\"$2\"" "$W/$1.look"
}
all_look() { # ID: sets middle and worst
	local i lookers=()
	for i in $(seq 2 9); do
		look "n$i" "$1" &
		lookers+=($!)
	done
	for i in "${!lookers[@]}"; do
		wait "${lookers[$i]}" || fail "n$((i + 2)) does not see it:" \
			"$(head -c 600 "$W/n$((i + 2)).look")"
	done
	sort -n "$W"/n*.took >"$W/took"
	middle=$(sed -n 4p "$W/took") worst=$(tail -n 1 "$W/took")
}
ph n1 connect n1/from:out n1/to:in --json >"$W/said" || fail "connect"
id=$(jq -r '.items[0].connection' "$W/said")
# What takes longer than that takes it each time; a busy machine, not so.
for attempt in 1 2 3 4; do
	all_look "$id"
	say "a change is seen from eight others at once, after $middle ms" \
		"(median), $worst ms at most"
	[ "$middle" -lt $((1000 * PATIENCE)) ] && break
	[ $attempt -lt 4 ] || fail "seen after $middle ms"
done
