#!/bin/bash
# Many nodes and one seed: everybody knows everybody, nobody has a line to
# everybody, everybody can call everybody, and that stays so when some die.
# Their states are in memory where that can be: a hundred nodes that begin on one
# disk would measure its syncs.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
. "$(dirname "$0")/lib.bash"

count=24
full && count=100
most=16

new_phrase
node_up n1
# One derives the key from the passphrase, the others find it: Argon2id takes
# 64 MiB and 0.1 s of a core, each.
nodes=(n1)
began=$(now_ms)
for ((i = 2; i <= count; i++)); do
	mkdir -m 700 "$W/n$i"
	cp -p "$W/n1/mesh.key" "$W/n$i/"
	node_launch "n$i" --join "$(address n1)"
	nodes+=("n$i")
done
last=$(now_ms)

# NODE: it knows all others, and each is proven.
has_full_view() {
	holds "$1" "[.items[] | select(.proven_by != \"nothing\")] |
		length == $((${#nodes[@]} - 1))" peers
}

for name in "${nodes[@]}"; do
	expect_soon 60 "$name knows all others" has_full_view "$name"
done
say "full views $(($(now_ms) - last)) ms after the last of $count was" \
	"started ($((last - began)) ms to start them)"

lines_of() { ask "$1" '.items[0].lines' status; }
few_lines() { [ "$(lines_of "$1")" -le $most ]; }

# All enrolled at the seed; what nobody needs is hung up.
for name in "${nodes[@]}"; do
	expect_soon 30 "at most $most lines of $name" few_lines "$name"
done
sum=0
for name in "${nodes[@]}"; do
	lines=$(lines_of "$name")
	[ "$lines" -ge 1 ] || fail "$name has no line"
	sum=$((sum + lines))
done
say "$((sum * 10 / count)) tenths of a line each"
for name in "${nodes[@]}"; do
	[ "$(ask "$name" '.items | length' peers)" = $((count - 1)) ] ||
		fail "$name does not know all"
done

# Each asks each for its menu: on a line, or on one that is dialled for it.
asked=0
for from in "${nodes[@]}"; do
	full && [ $((RANDOM % 10)) -gt 0 ] && continue
	for to in "${nodes[@]}"; do
		[ "$from" = "$to" ] && continue
		ph "$from" menu "$to" >"$W/said" 2>&1 ||
			fail "menu of $to from $from: $(cat "$W/said")"
		asked=$((asked + 1))
	done
done
say "$asked menus"

# A third dies at once; the others still reach each other.
rest=()
for ((i = 1; i <= count; i++)); do
	if [ $((i % 3)) = 0 ]; then
		node_kill "n$i"
	else
		rest+=("n$i")
	fi
done
for ((i = 0; i < ${#rest[@]}; i++)); do
	from=${rest[i]}
	to=${rest[(i + 7) % ${#rest[@]}]}
	expect_soon 10 "menu of $to from $from" ph "$from" menu "$to"
done
# A newcomer comes in by somebody else than the first, who is told by whom.
node_up late --join "$(ask n2 '.items[0].listen[0]' status)"
nodes=("${rest[@]}" late)
knows_late() {
	holds "$1" 'any(.items[]; .node == "late" and
		.proven_by != "nothing")' peers
}
for name in "${rest[@]}"; do
	expect_soon 20 "$name lets late in" knows_late "$name"
done
expect_soon 10 "late reaches all" ph late menu "${rest[3]}"
