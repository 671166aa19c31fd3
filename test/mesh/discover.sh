#!/usr/bin/env bash
# Discovery on one machine, where nothing goes over a wire: announcements come
# by lines, membership by datagrams on the loopback. Who is there, what it can
# and offers, how it went, what a restart remembers, and what `off` means.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)" --cap gpu=nvenc --cap room=3
node_up gamma --join "$(address alpha)"

is() { # SEER WHO STATE
	holds "$1" "any(.items[]; .node == \"$2\" and .state == \"$3\")" peers
}
for seer in alpha beta gamma; do
	for who in alpha beta gamma; do
		[ $seer = $who ] ||
			expect_soon 10 "$seer holds $who for alive" is $seer $who alive
	done
done

# --- capabilities: given before detected, all of them once the menu is here
can() { holds alpha "any(.items[]; .node == \"beta\" and
	(.caps | index(\"$1\")) != null)" peers; }
for cap in gpu=nvenc room=3 "arch=$(uname -m)" transport=tcp server=clock; do
	expect_soon 5 "alpha knows that beta has $cap" can "$cap"
done
holds beta '.items[0].caps | index("gpu=nvenc") == 0' status ||
	fail "beta does not show its own"
holds alpha 'any(.items[]; .node == "beta" and (.menu == "known"))' peers ||
	fail "alpha has not fetched beta's menu"
say "alive, with what they can and offer: ok"

# --- a goodbye, and a death
node_stop beta || fail "beta ended with $?"
expect_within 3 "beta left" is alpha beta left
expect_within 3 "gamma heard it, too" is gamma beta left
ph alpha menu beta >"$W/menu" 2>"$W/said" || fail "no last menu: $(cat "$W/said")"
expect_said "its menu of"
node_kill gamma
expect_soon 10 "gamma is dead" is alpha gamma dead
told() { holds alpha "any(.items[]; .what | test(\"$1\"))" events; }
expect_soon 5 "the journal has beta's end" told "node beta is left"
expect_soon 5 "the journal has gamma's end" told "node gamma is dead"
[ "$(ask alpha '.items | length' events -n 1)" = 1 ] || fail "-n is not obeyed"
"$POSTHOUSE" events --follow --socket "$W/alpha.sock" >"$W/followed" {NAP}>&- &
MINE[$!]=follower
expect_soon 5 "it is followed" grep -q "node gamma is dead" "$W/followed"
say "left and dead, told and written down: ok"

# --- who comes back, and what a restart of the seer remembers
node_up beta
expect_soon 10 "beta is back" is alpha beta alive
expect_soon 10 "what is seen is kept" grep -q . "$W/alpha/posthouse.db"
await 3 false
node_stop alpha || fail "alpha ended with $?"
node_stop beta || fail "beta ended with $?"
node_up alpha
expect_soon 10 "alpha remembers beta" \
	holds alpha 'any(.items[]; .node == "beta")' peers
expect_soon 5 "alpha remembers what beta offered" ph alpha menu beta
say "remembered over a restart: ok"

# --- off: no datagram socket, lines are all there is
node_up quiet --discovery off --join "$(address alpha)"
expect_soon 10 "quiet has a line" holds quiet '.items[0].lines == 1' status
holds quiet '.items[0].discovery == "off"' status || fail "quiet is not off"
bound() { grep -qi ":$(printf %04x "${1##*:}") " /proc/net/udp; }
bound "$(address quiet)" && fail "quiet has a UDP socket"
bound "$(address alpha)" || fail "alpha has none"
expect_soon 5 "quiet knows alpha by its line" is quiet alpha alive
say "off is off: ok"

# --- the newcomer's ring is the mesh's: nothing that it says changes after its first
# announcement, which came before anybody knew where it is; it is asked by datagrams
node_up first
node_up second
id_of() { ask "$1" '.items[0].id' status; }
newcomer=second there=first
[[ $(id_of first) > $(id_of second) ]] || newcomer=first there=second
node_stop $newcomer || fail "$newcomer ended with $?"
node_up $newcomer --join "$(address $there)"
asked() { holds $there ".items[] | select(.node == \"$newcomer\") | .rtt_us > 0" peers; }
expect_within 3 "the newcomer answers datagrams" asked
node_stop $newcomer || fail "$newcomer ended with $?"
expect_within 3 "the newcomer left" is $there $newcomer left
say "a newcomer with the mesh's ring: ok"

# --- by ws alone: there is no place for datagrams, so nobody is asked by them and
# held for dead; lines are all there is
ADDRESS[left]=ws://127.0.0.1:0 ADDRESS[right]=ws://127.0.0.1:0
node_up left
node_up right --join "$(address left)"
menu_known() { holds "$1" 'any(.items[]; .menu == "known" and .state == "alive" and
	.line == "up")' peers; }
expect_soon 10 "left has heard of right" menu_known left
expect_soon 10 "right has heard of left" menu_known right
grep -h member.state "$W/left.log" "$W/right.log" >"$W/said" &&
	fail "asked by datagrams: $(cat "$W/said")"
node_stop right || fail "right ended with $?"
expect_within 3 "right left" is left right left
node_up right
expect_soon 10 "right is back" is left right alive
node_kill right
expect_within 3 "right is missed" is left right suspect
say "by ws alone: ok"

# --- what is refused
expect_exit 2 "$POSTHOUSE" up --discovery eth0,,eth1
expect_said "next:"
expect_exit 2 "$POSTHOUSE" up --l2 loud
expect_said "off, listen or emit"
expect_exit 2 "$POSTHOUSE" up --cap GPU
expect_said "--cap"
say "wrong flags: ok"
