#!/bin/bash
# Either side may dial. Beta reads from alpha but cannot be dialled: a firewall
# drops (then refuses) what comes to its port, so alpha asks over beta's line
# and beta dials the carrier; through a relay that cuts it again and again,
# while the line is cut as well. What arrives is what was sent, once. Nothing
# comes of it where nobody asked.
command -v nft >/dev/null && command -v unshare >/dev/null || exit 77
# A network of its own: the rules touch nobody else.
if [ -z "${PH_TURNED:-}" ]; then
	export PH_TURNED=1
	unshare --net true 2>/dev/null && exec unshare --net "$0" "$@"
	unshare --user --map-root-user --net nft list ruleset >/dev/null 2>&1 &&
		exec unshare --user --map-root-user --net "$0" "$@"
	echo "SKIP: no network of its own"
	exit 77
fi
. "$(dirname "$0")/anew.bash"
. "$(dirname "$0")/lib.bash"
ip link set lo up || skip "no loopback"

# One long stream, which is cut; the two others are of which way it goes.
size=$((24 << 20))
short=$((4 << 20))
rate=$((8 << 20))
full && size=$((512 << 20)) short=$size rate=$((60 << 20))
: "${PH_SEED:=$(($(date +%s%N) / 1000))}"
say "PH_SEED=$PH_SEED, $((size >> 20)) MiB"

# HOW: dials to beta's port are handled like this from now on.
wall() {
	local port=${ADDRESS[beta]##*:}
	nft -f - <<-RULES || fail "nft"
	flush ruleset
	table inet wall {
		chain in {
			type filter hook input priority 0;
			tcp dport $port ct state new $1
		}
	}
	RULES
}

${CC:-cc} -O2 -D_GNU_SOURCE -o "$W/relay" "$(dirname "$0")/relay.c" ||
	fail "the relay does not compile"
new_phrase
node_up alpha
"$W/relay" "$(address alpha | sed 's/.*://')" "$PH_SEED" $rate \
	>"$W/cuts" 2>&1 {NAP}>&- &
MINE[$!]=relay
expect_soon 5 "the relay listens" test -s "$W/cuts"
# Its port must be known before anybody can dial it.
ADDRESS[beta]=127.0.0.1:$((20000 + PH_SEED % 10000))
wall drop
node_up beta --join "127.0.0.1:$(head -n 1 "$W/cuts")"
expect_soon 15 "the line is up" has_lines alpha 1

random_file $size "$W/dropped.in"
random_file $short "$W/refused.in"
cp "$W/refused.in" "$W/open.in"
wiring() { # NAME
	cat >"$W/$1.yaml" <<-YAML
	wiring: 1
	name: $1
	servers:
	  source: {host: alpha, use: file.read, with: {path: $W/$1.in}}
	  target: {host: beta, use: file.write, with: {path: $W/$1.out}}
	wires:
	  - source:out -> target:in
	YAML
}
applied() { ph alpha apply "$W/$1.yaml"; }
unapplied() { ph alpha unapply "$1"; }
whole() { same_bytes "$W/$1.in" "$W/$1.out"; }
asked() { grep -c 'wire asked.to.dial' "$W/alpha.log"; }

run() { # NAME
	local size
	size=$(stat -c %s "$W/$1.in")
	wiring "$1"
	expect_soon 30 "applied" applied "$1"
	expect_soon $((60 + size / rate * 6)) "$1: the file is whole" whole "$1"
	expect_soon 15 "reason end" all_ended alpha
	[ "$(ask alpha '.items[0].received.bytes' connections)" = $size ] ||
		fail "$1: other than $size bytes were counted"
	expect_soon 30 "unapplied" unapplied "$1"
}

run dropped
resumed=$(grep -c 'wire resumed' "$W/alpha.log")
say "asked $(asked) times, resumed $resumed times," \
	"$(grep -c '^cut' "$W/cuts") cuts"
[ "$resumed" -ge 1 ] || exit 99
grep -q 'gate offered connection=' "$W/beta.log" || fail "beta never dialled"
# After the first try it is known which way works: it waits for no dial.
[ "$(asked)" -ge $((resumed + 1)) ] || fail "carriers came another way"

before=$(asked)
wall 'reject with tcp reset'
run refused
[ "$(asked)" -gt "$before" ] || fail "nobody was asked"
grep -E "state id=.* to=failed because=\"nobody listens" "$W/alpha.log" &&
	fail "a wall that refuses was taken for a dead node"

# Open again: the way of before still works, and a fresh node dials itself.
nft flush ruleset
node_stop alpha || fail "alpha ended with $?"
node_up alpha
expect_soon 15 "the line is back" has_lines alpha 1
before=$(asked)
run open
[ "$(asked)" = "$before" ] || fail "asked, where it could dial"

say "turned: ok"
