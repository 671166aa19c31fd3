#!/bin/bash
# Addresses that lead nowhere cost little: five dead ones before the good one,
# whether they were given (--join) or heard (a node with six addresses of which
# one can be reached). Dead means silent: nobody says no.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

at() { # WORDS: ms of the month of beta's first such line
	awk -v words="$1" 'index($0, words) {
		ms = substr($1, 9, 2) * 24 + substr($1, 12, 2)
		ms = (ms * 60 + substr($1, 15, 2)) * 60 + substr($1, 18, 2)
		printf "%.0f", ms * 1000 + substr($1, 21, 3)
		exit
	}' "$W/beta.log"
}
# What the machine kept from the two is not theirs.
spared() { waited_ms "${PID[alpha]}" "${PID[beta]}"; }
in_time() { # WHAT BEGIN
	local took
	took=$(($(at " line.up ") - $2))
	say "$1: a line after $took ms (goal: 1500 ms)"
	[ $took -le $((1500 * PATIENCE + $(spared))) ] || fail "$1: $took ms"
}

hosts alpha beta
new_phrase
key_known alpha beta
no_multicast

# Silence where nobody is: without this, the own kernel says no at once.
for i in 1 2 3 4 5; do
	echo "addr add 10.77.9.$i/16 dev eth0"
done | ip -n alpha -batch -
firewall alpha ip daddr 10.77.9.0/24 drop
node_up alpha
begin=$(clock_ms)
node_launch beta --join 10.77.9.1:7678 --join 10.77.9.2:7678 \
	--join 10.77.9.3:7678 --join 10.77.9.4:7678 --join 10.77.9.5:7678 \
	--join "$(address alpha)"
expect_soon 15 "beta has a line" has_lines beta 1
in_time "five dead addresses given" "$begin"
# All that were given are dialled at once: the dead ones cost nothing.
took=$(($(at " line.up ") - $(at " lines seed at=")))
say "from the first that was given to a line: $took ms (goal: 350 ms)"
[ $took -le $((350 * PATIENCE + $(spared))) ] || fail "the dead ones cost $took ms"
node_kill beta
node_kill alpha

# Now alpha says that it is at all six, and beta hears of them.
heal
rm -rf "$W"/alpha* "$W"/beta*
key_known alpha beta
firewall_off alpha
firewall alpha tcp dport 7678 ip daddr != "$(address4 alpha)" drop
firewall alpha tcp dport 7678 ip6 daddr ::/0 drop
nft_host beta <<-END2
	add table inet wall
	add chain inet wall input { type filter hook input priority 0; }
	add rule inet wall input tcp dport 7678 drop
END2
node_up alpha
begin=$(clock_ms)
node_launch beta
expect_soon 15 "beta has a line" has_lines beta 1
in_time "five dead addresses heard" "$begin"
