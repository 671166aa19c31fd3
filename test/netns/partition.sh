#!/bin/bash
# Hosts whose network breaks: a cable that is pulled, a mesh that is split in
# two, an answer that never comes. Each time the lines go down within what
# keepalive promises, and come back by themselves when the network is whole.
. "$(dirname "$0")/lib.bash"

hosts alpha beta gamma
new_phrase
key_known alpha beta gamma
node_up alpha
node_launch beta --join "$(address alpha)"
node_launch gamma --join "$(address alpha)"
lines() { # COUNT NODE...
	local count=$1
	shift
	for name in "$@"; do
		expect_soon 30 "$name has $count lines" has_lines "$name" "$count"
	done
}
timed() { # WHAT CMD...
	local what=$1 begin
	shift
	begin=$(now_ms)
	"$@"
	say "$what: $(($(now_ms) - begin)) ms"
}
lines 2 alpha beta gamma

split alpha / beta gamma
timed "alpha, split off, knows" lines 0 alpha
timed "the others know" lines 1 beta gamma
heal
timed "healed" lines 2 alpha beta gamma

full || exit 0

unplug gamma
timed "gamma, unplugged, knows" lines 0 gamma
timed "the others know" lines 1 alpha beta
plug gamma
timed "plugged in" lines 2 alpha beta gamma

# What beta says reaches alpha, what alpha says does not reach beta.
one_way alpha beta
timed "a half-open line is given up" lines 1 alpha beta
heal
timed "healed" lines 2 alpha beta gamma
