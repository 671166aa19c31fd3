#!/bin/bash
# What happens to machines: an interface goes down and up, gets other addresses,
# the node is started anew, says goodbye, or runs as somebody who may nothing.
# The mesh is whole again by itself.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

hosts alpha beta gamma
all=(alpha beta gamma)
new_phrase
key_known "${all[@]}"

# An ordinary user: multicast, lines, membership without any privilege.
ordinary() {
	local PHRASE=$W/phrase.nobody AS=(setpriv --reuid nobody --regid nogroup
		--clear-groups --bounding-set=-all --inh-caps=-all)
	chmod 777 "$W"
	cp "$W/phrase" "$PHRASE"
	chown -R nobody "$W/beta" "$PHRASE"
	node_launch beta
}
node_launch alpha
node_launch gamma
ordinary
await_full 60 "${all[@]}" || fail "an ordinary user is not found"
[ "$(stat -c %U "/proc/${PID[beta]}")" = nobody ] || fail "beta is root"
awk '/^Cap(Eff|Prm|Bnd)/ && $2 !~ /^0+$/ { exit 1 }' \
	"/proc/${PID[beta]}/status" || fail "beta has capabilities"
say "as an ordinary user: ok"

# The road of a call is open, too: not only datagrams come back.
answers() { ph "$1" status --node "$2"; }
whole() {
	await_full 60 "${all[@]}" || fail "$1: no full views"
	expect_soon 20 "$1: alpha asks gamma" answers alpha gamma
	expect_soon 20 "$1: gamma asks alpha" answers gamma alpha
}

begin=$(clock_ms)
interface_down gamma
if full; then
	await_found 30 "$begin" gamma dead alpha beta ||
		fail "gamma, without interface, is not missed"
	say "interface down: missed after $first_ms and $last_ms ms"
else
	await 1 false
fi
begin=$(clock_ms)
interface_up gamma
whole "interface up"
full && say "interface up: full views after $((full_at - begin)) ms"

begin=$(clock_ms)
renumber gamma 99
heard_at_new() {
	holds alpha 'any(.items[]; .node == "gamma" and
		any(.addresses[]; startswith("10.77.0.99:")))' peers
}
expect_soon 10 "alpha hears gamma's new address" heard_at_new
say "renumbered: heard after $(($(clock_ms) - begin)) ms"
# The old line is given up when TCP does.
if full; then
	whole "renumbered"
	say "renumbered: $(($(clock_ms) - begin)) ms until calls go both ways"
fi
holds alpha 'any(.items[]; .node == "gamma" and
	any(.addresses[]; startswith("10.77.0.3:")))' peers &&
	say "alpha still keeps gamma's old address"

# A new life of the same node replaces the old one: no second gamma, and
# nobody waits for the old one to die.
begin=$(clock_ms)
node_kill gamma
cp -a "$W/gamma" "$W/copy"
node_launch gamma
whole "restarted"
holds alpha '[.items[] | select(.node == "gamma")] | length == 1' peers ||
	fail "alpha knows two of gamma"
say "restarted: full views after $((full_at - begin)) ms"

# Who says goodbye is missed at once, and has left: it did not die.
begin=$(clock_ms)
node_stop gamma || fail "gamma ended with $?"
await_found 60 "$begin" gamma left alpha beta || fail "gamma's goodbye is unheard"
say "goodbye: heard after $first_ms and $last_ms ms"
[ "$(told "$begin" dead gamma)" = 0 ] || fail "gamma, who left, was called dead"

# Its state is that of a copy: it begins an epoch that others know already. They
# tell it, and it leaps above.
rm -r "$W/gamma" && mv "$W/copy" "$W/gamma"
begin=$(clock_ms)
node_launch gamma
whole "restored from a copy"
say "restored from a copy: full views after $((full_at - begin)) ms"
