#!/bin/bash
# A real LLDP agent and a node see each other on one cable: lldpd shows our
# name, capabilities, management address and own TLVs; `peers` shows lldpd as a
# foreign neighbour; what says goodbye is gone at once, both ways.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

for tool in lldpd lldpcli; do
	command -v $tool >/dev/null ||
		skip "no $tool here: test/deps.sh lldpd installs it"
done

hosts alpha switch
new_phrase
key_known alpha
# What a switch would keep for itself.
ip -n sw link set br0 type bridge group_fwd_mask 0x4000 ||
	skip "this bridge keeps LLDP for itself"
mkdir -p /run/lldpd && mount -t tmpfs -o mode=755 lldpd /run/lldpd &&
	chown _lldpd /run/lldpd || skip "lldpd has no place to run"
chmod 711 "$W"
lldpd_up() {
	nsenter --net=/run/netns/switch lldpd -d -u "$W/lldpd" -I eth0 \
		-S "a switch of somebody" >>"$W/switch.log" 2>&1 {NAP}>&- &
	PID[switch]=$! MINE[$!]=switch
	expect_soon 10 "lldpd runs" test -S "$W/lldpd"
	# Every 30 s is its habit.
	lldpcli -u "$W/lldpd" configure lldp tx-interval 1 >/dev/null ||
		fail "lldpd takes no orders"
}
lldpd_up

neighbour() { # JQ: of the neighbour's interface entry at lldpd
	lldpcli -u "$W/lldpd" show neighbors details hidden -f json0 \
		2>/dev/null | jq -e "[.lldp[].interface[]? | $1] | any"
}
named() { neighbour '.chassis[].name[]?.value == "alpha"'; }
unnamed() { ! named; }

node_up alpha --l2 emit --cap gpu=nvenc
# Rarely lldpd starts deaf: another one, before the same node.
if ! await 20 named; then
	lldpcli -u "$W/lldpd" show interfaces
	ip -n switch -s link show eth0
	say "lldpd heard nothing for 20 s: started anew"
	kill -TERM "${PID[switch]}"
	expect_soon 10 "lldpd is gone" is_gone_or_zombie "${PID[switch]}"
	rm -f "$W/lldpd"
	lldpd_up
fi
expect_soon 20 "lldpd hears alpha" named
neighbour '.via == "LLDP"' >/dev/null || fail "not by LLDP"
neighbour "[.chassis[].\"mgmt-ip\"[]?.value] | index(\"$(address4 alpha)\")
	!= null" >/dev/null || fail "lldpd shows no management address"
neighbour '[.chassis[].capability[]?] | length > 0' >/dev/null ||
	fail "lldpd shows no capabilities"
neighbour '[.. | objects | select(.oui? == "FE,ED,FA") | .subtype] |
	length >= 3' >/dev/null || fail "lldpd shows none of our own TLVs"
say "lldpd shows alpha: ok"

foreign() {
	ph alpha peers --json | jq -e 'any(.items[];
		.state == "heard" and (tostring | contains("a switch of somebody")))'
}
expect_soon 40 "alpha hears lldpd" foreign
say "alpha shows lldpd: ok"

begin=$(now_ms)
kill -TERM "${PID[alpha]}"
expect_within 3 "lldpd forgets alpha" unnamed
say "goodbye: forgotten within $(($(now_ms) - begin)) ms (goal: 500 ms)"

node_stop alpha || fail "alpha ended with $?"

# A goodbye of lldpd reaches us, too.
node_up alpha --l2 listen
unheard() { ! foreign; }
expect_soon 40 "alpha hears lldpd again" foreign
kill -TERM "${PID[switch]}"
expect_soon 10 "alpha forgets lldpd" unheard
