#!/bin/bash
# Any node may die at any moment: the others go on serving, and when it is back
# its wires come back by themselves and the file is whole. A round: a pipeline
# over three nodes starts, one of them is killed at a moment taken by chance,
# the others are asked, the killed one returns. PH_SEED repeats a run.
. "$(dirname "$0")/lib.bash"

size=$((8 << 20))
rounds=3
full && rounds=60
RANDOM=${PH_SEED:=$((($(date +%s%N) / 1000) % 32768))}
say "PH_SEED=$PH_SEED, $rounds rounds"

nodes=(alpha beta gamma)
three_nodes
random_file $size "$W/in"

# A program that passes on 128 KiB at a time, slowly, so that there is a middle
# to be killed in: about a second for all.
cat >"$W/slowly" <<'END'
#!/bin/bash
exec {nap}<> <(:) 3>&1
while n=$(head -c 131072 | tee /dev/fd/3 | wc -c); [ "$n" -gt 0 ]; do
	read -rt 0.008 -u "$nap" || :
done
END
chmod +x "$W/slowly"
cat >"$W/any.yaml" <<END
wiring: 1
name: any
servers:
  source: {host: alpha, use: file.read, with: {path: $W/in}}
  middle: {host: beta, exec: ["$W/slowly"]}
  target: {host: gamma, use: file.write, with: {path: $W/out}}
wires:
  - source:out -> middle:stdin
  - middle:stdout -> target:in
END

whole() { same_bytes "$W/in" "$W/out"; }
applied() { ph "$1" apply "$W/any.yaml"; }
unapplied() { ph "$1" unapply any; }

# NODE: its answer within a second, whoever else is dead.
answers_at_once() {
	local begin took before
	begin=$(now_ms) before=$(waited_ms "${PID[$1]}")
	timeout $((60 * PATIENCE)) "$POSTHOUSE" status --socket "$W/$1.sock" \
		>"$W/said" 2>&1 || fail "$1 does not answer"
	took=$(($(now_ms) - begin - $(waited_ms "${PID[$1]}") + before))
	answers+=($took)
	# Whatever is dead is waited for for seconds; a busy machine, less.
	[ $took -lt $((4000 * PATIENCE)) ] || fail "$1 answers after $took ms"
}
answers=()

in_the_middle=0
for ((round = 1; round <= rounds; round++)); do
	victim=${nodes[RANDOM % 3]}
	moment=$((RANDOM % 1000))
	rm -f "$W/out"
	expect_soon 30 "applied" applied "${nodes[RANDOM % 3]}"
	read -rt "$(printf '0.%03d' $moment)" -u "$NAP"
	[ -e "$W/out" ] || in_the_middle=$((in_the_middle + 1))
	node_kill "$victim"
	for name in "${nodes[@]}"; do
		[ "$name" = "$victim" ] || answers_at_once "$name"
	done
	[ ! -e "$W/out" ] || whole || fail "a killed pipeline left a part"
	seeds=()
	for name in "${nodes[@]}"; do
		[ "$name" = "$victim" ] || seeds+=(--join "$(address $name)")
	done
	# Now and then it has to find the others from what it remembers.
	[ $((RANDOM % 2)) = 0 ] && seeds=()
	node_up "$victim" "${seeds[@]}"
	expect_soon 40 "round $round, $victim killed at $moment ms: whole" \
		whole
	expect_soon 15 "round $round: alpha's wire ended" all_ended alpha
	expect_soon 15 "round $round: beta's wire ended" all_ended beta
	say "round $round: $victim at $moment ms, ok"
	expect_soon 30 "unapplied" unapplied "${nodes[RANDOM % 3]}"
done
mapfile -t answers < <(printf '%s\n' "${answers[@]}" | sort -n)
middle=${answers[$((${#answers[@]} / 2))]}
say "answers of the others: $middle ms (median), at most ${answers[-1]} ms"
[ "$middle" -lt $((1000 * PATIENCE)) ] || fail "they answer after $middle ms"
say "killed in the middle: $in_the_middle of $rounds"
[ $in_the_middle -gt 0 ] || fail "no round hit the middle"
