#!/bin/bash
# A firewall that lets tcp through and no datagram: members watch each other
# along their lines. Nobody is held for dead who is not, and who dies is missed.
# When datagrams get through again, they are what is used.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

hosts alpha beta gamma
new_phrase
key_known alpha beta gamma
no_multicast
is() { # SEER WHO STATE
	holds "$1" "any(.items[]; .node == \"$2\" and .state == \"$3\")" peers
}
alive_all() {
	local seer who
	for seer in alpha beta gamma; do
		for who in alpha beta gamma; do
			[ $seer = $who ] || is $seer $who alive || return
		done
	done
}
# A suspicion that is refuted at once may come of a busy machine.
buried() { grep -h 'member.state.* to=dead' "$W"/*.log; }

for host in alpha beta gamma; do
	firewall $host udp dport 7678 drop
done
node_up alpha
node_up beta --join "$(address alpha)"
node_up gamma --join "$(address alpha)"
expect_soon 15 "all are alive" alive_all
await 20 buried && fail "somebody was held for dead: $(buried)"
alive_all || fail "not all are alive"
holds alpha 'all(.items[]; .watched_by == "line")' peers ||
	fail "not by the line: $(ask alpha .items peers)"
ph alpha doctor beta >"$W/said" || fail "doctor: $(<"$W/said")"
expect_said "datagrams"
say "nothing but tcp: all live, nobody is held for dead, and it is told: ok"

# --- datagrams again: they are what is used
for host in alpha beta gamma; do firewall_off $host; done
by_datagrams() {
	local host
	for host in alpha beta gamma; do
		holds $host 'all(.items[]; .watched_by == "datagrams")' peers || return
	done
}
expect_soon 15 "datagrams are used again" by_datagrams
say "the firewall opens: ok"

# --- one way only: nothing reaches alpha; and refused, not dropped
firewall alpha udp dport 7678 drop
firewall beta udp dport 7678 reject
await 15 buried && fail "somebody was held for dead: $(buried)"
alive_all || fail "not all are alive"
say "one way only, and refused: ok"

# --- who dies is missed; who falls silent, too
node_kill gamma
expect_soon 15 "alpha misses gamma" is alpha gamma dead
expect_soon 15 "beta misses gamma" is beta gamma dead
silence beta
expect_soon 20 "alpha misses beta" is alpha beta dead
heal
expect_soon 30 "beta is back" is alpha beta alive
node_stop beta || fail "beta ended with $?"
expect_within 3 "beta left" is alpha beta left
say "missed who died, who fell silent, and who left: ok"
