#!/bin/bash
# A firewall that lets only the HTTP port through: a probe says that ws is the
# way, the first dial after it goes there, and a newcomer who is told does the
# same. What is no node at such a port is nobody's way.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

hosts alpha beta gamma
new_phrase
key_known alpha beta gamma
no_multicast

# Alpha lets in what comes to 7679, and what it began; of IPv6 nothing.
nft_host alpha <<END || fail "nft of alpha"
table inet wall {
	chain input {
		type filter hook input priority 0;
		ct state established,related accept
		ip protocol icmp accept
		tcp dport { 1024-7678, 7680-65535 } drop
		ip6 nexthdr tcp drop
		udp dport 7678 accept
	}
}
END
at=10.77.0.1
# Beta hears of alpha by the line alone: it has not dialled it before.
node_up beta --log debug --discovery off --probe-peers on \
	--beacon-range 20000-20001
node_up alpha --probe-peers on --beacon-range 20000-20001 \
	--listen 0.0.0.0:7678 --listen ws://0.0.0.0:7679 --http off \
	--join "$(address beta)"
expect_soon 15 "they know each other" has_lines beta 1
tries() { grep 'dial.try to=alpha' "$W/$1.log" | sed 's/.* at=//'; }

# --- probed: nothing of tcp, but ws

holds beta 'any(.items[]; .node == "alpha" and
	any(.addresses[]; . == "ws://10.77.0.1:7679"))' peers ||
	fail "alpha's ws address is not known: $(ask beta .items peers)"
ph beta probe alpha --json >"$W/matrix" 2>"$W/said" ||
	fail "the probe: $(<"$W/said") $(jq -c '.items[]' "$W/matrix")"
jq -e --arg at $at '[.items[] | select(.verdict == "open-verified") |
	[.address, .port, .transport]] == [[$at, 7679, "ws"]]' "$W/matrix" \
	>/dev/null || fail "the matrix: $(jq -c '.items[] |
	[.address, .port, .transport, .verdict]' "$W/matrix")"
jq -e 'any(.items[]; .transport == "ws" and .verdict == "open-verified" and
	.rtt_us > 0 and .rtt_us < 2000000)' "$W/matrix" >/dev/null ||
	fail "no round trip: $(jq -c '.items[]' "$W/matrix")"
holds beta "any(.items[]; .own and .to == \"alpha\" and .transport == \"ws\"
	and .address == \"$at\" and .port == 7679 and
	.verdict == \"open-verified\")" reach alpha || fail "reach lacks the row"
say "a probe through a wall with one hole: ws"

# --- the first dial: the line that alpha began breaks, and beta dials

[ -z "$(tries beta)" ] || fail "beta dialled alpha before: $(tries beta)"
nft_host alpha <<<'insert rule inet wall input tcp sport 7678 reject with tcp reset' ||
	fail "nft of alpha"
asked() { ph beta status --node alpha --timeout 1s; }
expect_soon 15 "beta asks alpha" asked
[ "$(tries beta | head -n 1)" = "ws://$at:7679" ] ||
	fail "beta tried $(tries beta | tr '\n' ' ')"
say "the first dial after it: ws"

# --- told: a newcomer's first dial, too

node_launch gamma --log debug --join "$(address beta)"
expect_soon 15 "gamma has a line to alpha" holds gamma 'any(.items[];
	.node == "alpha" and .line == "up")' peers
[ "$(tries gamma | head -n 1)" = "ws://$at:7679" ] ||
	fail "gamma, told by beta, tried $(tries gamma | tr '\n' ' ')"
say "a newcomer, told by a peer: ws first"

# --- somebody else is at that port by now

nsenter --net=/run/netns/alpha "$BUILD/test/netns/busy" 7700 7700 talk \
	>"$W/busy" 2>&1 </dev/null {NAP}>&- &
MINE[$!]=busy
expect_soon 5 "a foreign service" grep -q ready "$W/busy"
nft_host alpha <<END || fail "nft of alpha"
table inet turn {
	chain before {
		type nat hook prerouting priority -100;
		tcp dport 7679 redirect to :7700
	}
}
insert rule inet wall input tcp dport 7700 accept
END
ph beta probe alpha --json >"$W/matrix" 2>"$W/said"
[ $? = 3 ] || fail "a foreign service was taken for alpha: $(<"$W/said")"
jq -e '[.items[] | select(.transport == "ws").verdict] |
	. == ["open-foreign"] or . == ["timeout"]' "$W/matrix" >/dev/null ||
	fail "the matrix: $(jq -c '.items[]' "$W/matrix")"
say "what is no node there is nobody's way"
finish
