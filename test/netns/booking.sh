#!/bin/bash
# Booking while the network is split and healed: clients at three hosts hold one
# terminal in turns, and wires of two owners want another. Whoever is cut off
# from the terminal's node gets nothing, nobody gets what is another's; a
# separate program compares what clients were told and what the journals say.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

root=$(cd "$(dirname "$0")/../.." && pwd)
${CC:-cc} -O1 -o "$W/bookings" "$root/test/mesh/bookings.c" -lsqlite3 ||
	fail "the checker does not build"
rounds=2
full && rounds=60

all=(alpha beta gamma)
hosts "${all[@]}"
new_phrase
key_known "${all[@]}"
for name in "${all[@]}"; do node_launch "$name"; done
await_full 60 "${all[@]}" || fail "no full views"
cat >"$W/house.yaml" <<'END'
wiring: 1
name: house
servers:
  sink: {host: beta, use: 'null'}
  goal: {host: beta, use: 'null'}
  left: {host: alpha, exec: [sleep, "600"]}
  right: {host: gamma, exec: [sleep, "600"]}
END
applied() { ph beta apply "$W/house.yaml"; }
expect_soon 15 "applied" applied

# HOST: holds, lets go, holds again; what it was told goes to $W/told. A
# hold is the client's from its answer until as long after its question.
client() {
	local begin end until id
	while [ ! -e "$W/enough" ]; do
		begin=$(date +%s%N)
		id=$(ph "$1" reserve beta/sink:in --for 400ms --wait 500ms \
			--timeout 1s --json 2>/dev/null |
			jq -r '.items[0].id // empty')
		end=$(date +%s%N)
		[ -n "$id" ] || continue
		echo "$id" >>"$W/granted.$1"
		until=$((begin + 400000000))
		if [ $((RANDOM % 2)) = 0 ]; then
			begin=$(date +%s%N)
			[ "$begin" -ge "$until" ] || until=$begin
			ph "$1" release "$id" --timeout 1s >/dev/null 2>&1
		fi
		[ "$until" -le "$end" ] ||
			echo "beta/sink:in $end $until $id" >>"$W/told"
	done
}
: >"$W/told"
clients=()
for name in "${all[@]}"; do
	: >"$W/granted.$name"
	client "$name" &
	clients+=($!)
done
# OWNER SERVER: a wire of its own to the goal, again and again.
wirer() {
	local id
	while [ ! -e "$W/enough" ]; do
		ph "$1" connect "$1/$2:stdout" beta/goal:in --timeout 1s \
			>/dev/null 2>&1
		read -rt 0.1 -u "$NAP"
		for id in $(ask "$1" ".items[] | select(.from ==
			\"$1/$2:stdout\" and .state != \"closed\").id" connections); do
			ph "$1" disconnect "$id" --timeout 1s >/dev/null 2>&1
		done
	done
}
wirer alpha left &
clients+=($!)
wirer gamma right &
clients+=($!)

granted() { wc -l <"$W/granted.$1"; }
more_granted() { [ "$(granted "$1")" -gt "$2" ]; }
for name in "${all[@]}"; do
	expect_soon 10 "$name holds it in its turn" more_granted "$name" 0
done
for ((round = 1; round <= rounds; round++)); do
	read -rt 0.2 -u "$NAP"
	case $((round % 3)) in
	0) split gamma / alpha beta ;;
	1) split alpha / beta gamma ;;
	2) one_way beta gamma ;; # it asks, and never hears
	esac
	before=$(granted beta)
	expect_soon 10 "round $round: who is not cut off goes on" \
		more_granted beta $((before + 1))
	heal
done
touch "$W/enough"
wait "${clients[@]}"
for name in "${all[@]}"; do node_stop "$name"; done
"$W/bookings" -c "$W/told" alpha="$W/alpha/posthouse.db" \
	beta="$W/beta/posthouse.db" gamma="$W/gamma/posthouse.db" \
	>"$W/verdict" || fail "$(cat "$W/verdict")"
say "$(head -n 1 "$W/verdict")"
say "$(tail -n 1 "$W/verdict")"
grep -qE ' ([3-9]|[1-9][0-9]+) seats' "$W/verdict" ||
	fail "hardly a wire was laid: $(cat "$W/verdict")"
# The checker can say no.
printf 'x 1 9 a\nx 5 20 b\n' >>"$W/told"
expect_exit 1 "$W/bookings" -c "$W/told"
say "booking: ok, $rounds rounds"
