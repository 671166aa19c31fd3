#!/bin/bash
# Many join at once by one of a mesh: those that were there before see all of
# them alive soon, in `peers`, which is more than membership alone knows. First
# the case that a burst brings about now and then, made to happen: a newcomer is
# heard with the mesh's own seal before anybody told of it.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

BURST=${BURST:-10}
full && [ "$BURST" = 10 ] && BURST=20

is() { # SEER WHO STATE
	holds "$1" "any(.items[]; .node == \"$2\" and .state == \"$3\")" peers
}

hosts alpha gamma late
hosts "$BURST"
crowd=("${HOSTS[@]:3}")
new_phrase
key_known alpha gamma late

# The newcomer's own key for the mesh's ring gives way to alpha's, or gamma could
# not understand what alpha seals from then on.
node_up alpha
node_up gamma --join "$(address alpha)"
expect_soon 15 "gamma knows alpha" is gamma alpha alive

# gamma hears nothing of alpha and has no line to the newcomer, ever; it hears
# its datagrams when the newcomer has the ring already.
firewall gamma tcp dport 7678 drop
firewall late tcp dport 7678 drop
split gamma / alpha late
node_up late --join "$(address alpha)"
expect_soon 15 "alpha lets late in" is alpha late alive
# In one go: not a frame of alpha comes between.
nft_sw <<-END
	flush chain bridge air forward
	add rule bridge air forward iifname $(ports gamma) oifname $(ports alpha) drop
	add rule bridge air forward iifname $(ports alpha) oifname $(ports gamma) drop
END
heard() { changes gamma | grep -q ' late .* alive$'; }
expect_soon 40 "gamma's membership finds late alive" heard
expect_soon 5 "gamma shows late alive, without a line" is gamma late alive
firewall_off gamma
firewall_off late
heal
say "heard with the mesh's seal before anybody told of it: ok"
node_stop late || fail "late ended with $?"

key_known "${crowd[@]}"
begin=$(now_ms)
for name in "${crowd[@]}"; do
	node_launch "$name" --join "$(address alpha)"
done
for seer in alpha gamma "${crowd[@]}"; do
	all_alive() {
		holds "$seer" "[.items[] | select(.state == \"alive\")] |
			length == $((BURST + 1))" peers
	}
	if ! await 30 all_alive; then
		ask "$seer" '.items[] | [.node, .state, .line, .proven_by] |
			join(" ")' peers
		fail "$seer does not see all of $BURST newcomers alive"
	fi
done
say "$BURST at once: all see all alive $(($(now_ms) - begin)) ms after the" \
	"first was started"
