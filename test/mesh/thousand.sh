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
read -r p50 p99 < <(times status "$POSTHOUSE" status --socket "$W/n1.sock")
read -r base _ < <(times version "$POSTHOUSE" version)
say "status of $many servers and $many wires, its process with it:" \
	"median $p50 us, p99 $p99 us (a process that asks nobody: $base us)"
# What others run meanwhile is not the node's: the median is what it can do.
[ "$p50" -lt $((50000 * PATIENCE)) ] || fail "status takes $p50 us"

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
sees() { # NODE ID
	ask "$1" '.items[].id' flow n1/from | grep -qxF "$2"
}
look() { # NODE ID
	await 10 sees "$1" "$2" && echo $(($(now_ms) - begin)) >"$W/$1.seen"
}
begin=$(now_ms)
ph n1 connect n1/from:out n1/to:in >/dev/null || fail "connect"
id=$(ask n1 '.items[] | select(.from == "n1/from:out").id' connections)
lookers=()
for i in $(seq 2 9); do
	look "n$i" "$id" &
	lookers+=($!)
done
wait "${lookers[@]}"
worst=$(cat "$W"/n*.seen | sort -n | tail -n 1)
[ "$(cat "$W"/n*.seen | wc -l)" = 8 ] || fail "not all eight see it"
say "a change is seen from eight others after $worst ms"
[ "$worst" -lt $((3000 * PATIENCE)) ] || fail "seen after $worst ms"
