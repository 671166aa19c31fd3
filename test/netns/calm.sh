#!/bin/bash
# Nobody is declared dead who lives. Meshes of 2, 3 and 5 on one wire, one node
# of each stopped for 3 s; then the same with 10 % of all frames lost. And
# because they share the wire: two meshes never take notice of each other. The
# long dose: 100 nodes, ten minutes each without trouble, with 10 % loss, and
# with four of them stopped for 3 s every minute.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

# MESH NODE...: a mesh of its own.
mesh_up() {
	local name
	PHRASE=$W/phrase.$1
	new_phrase
	shift
	for name in "$@"; do node_launch "$name"; done
	await_full 60 "$@" || fail "$* do not see each other"
}
no_false_deaths() { # WHAT SINCE NODE...
	local what=$1 since=$2 count
	shift 2
	count=$(told "$since" dead "$@")
	say "$what: $count false deaths, $(told "$since" suspect "$@") suspicions"
	[ "$count" = 0 ] || fail "$what: $count false deaths"
}
still_full() {
	await_full 60 "$@" || fail "$* do not see each other any more"
}

none_suspects() {
	[ "$(changes "$@" | awk '{ state[$2, $3] = $5 }
		END { for (each in state) n += state[each] == "suspect"
			print n + 0 }')" = 0 ]
}

small() {
	local two=(a1 a2) three=(b1 b2 b3) five=(c1 c2 c3 c4 c5) begin
	hosts "${two[@]}" "${three[@]}" "${five[@]}"
	mesh_up two "${two[@]}"
	mesh_up three "${three[@]}"
	mesh_up five "${five[@]}"
	for what in "3 s stopped" "3 s stopped, 10 % loss"; do
		# A machine that is busy may hold them for longer than that.
		for attempt in 1 2 3 4 5; do
			begin=$(clock_ms)
			for name in a1 b1 c1; do node_pause $name; done
			await 3 false
			for name in a1 b1 c1; do node_resume $name; done
			took=$(($(clock_ms) - begin))
			[ $took -gt 3400 ] || break
			say "stopped for $took ms: once more"
			await 8 false
		done
		# A suspicion may begin late; then until each has run out, one
		# way or the other.
		await 5 false
		await 60 none_suspects "${two[@]}" "${three[@]}" "${five[@]}" ||
			fail "a suspicion does not end"
		no_false_deaths "$what, N=2" "$begin" "${two[@]}"
		no_false_deaths "$what, N=3" "$begin" "${three[@]}"
		no_false_deaths "$what, N=5" "$begin" "${five[@]}"
		loss 10
	done
	heal
	still_full "${two[@]}"
	still_full "${three[@]}"
	still_full "${five[@]}"
	# Ten nodes on one wire, and none knows one of another mesh.
	holds a1 '[.items[].node] - ["a1", "a2"] | length == 0' peers ||
		fail "a1 knows of another mesh: $(ask a1 '.items[].node' peers)"
	changes "${two[@]}" "${three[@]}" "${five[@]}" |
		awk '$3 != "-" && substr($2, 1, 1) != substr($3, 1, 1)' \
			>"$W/crossed"
	[ ! -s "$W/crossed" ] || fail "two meshes met: $(head -n 3 "$W/crossed")"
	for name in a1 a2 b1 b2 b3 c1 c2 c3 c4 c5; do node_kill $name; done
}

# WHAT MINUTES: lets them live.
live() {
	local what=$1 minutes=$2 begin
	begin=$(clock_ms)
	for _ in $(seq "$minutes"); do
		if [ "$3" = stop ]; then
			for name in h7 h19 h42 h77; do node_pause $name; done
			await 3 false
			for name in h7 h19 h42 h77; do node_resume $name; done
			await 57 false
		else
			await 60 false
		fi
	done
	no_false_deaths "$what" "$begin" "${HUNDRED[@]}"
}

small
full || exit 0

mapfile -t HUNDRED < <(seq -f 'h%.0f' 100)
hosts 100
PHRASE=$W/phrase.hundred
new_phrase
key_known "${HUNDRED[@]}"
for name in "${HUNDRED[@]}"; do node_launch "$name"; done
await_full 60 "${HUNDRED[@]}" || fail "no full views"
minutes=${MINUTES:-10}
live "100 nodes, $minutes min" "$minutes" calm
loss 10
live "100 nodes, $minutes min, 10 % loss" "$minutes" calm
heal
live "100 nodes, $minutes min, 4 stopped 3 s a minute" "$minutes" stop
still_full "${HUNDRED[@]}"
