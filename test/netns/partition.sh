#!/bin/bash
# Hosts whose network breaks: a cable that is pulled, a mesh that is split in
# two, an answer that never comes. Each time the lines go down within what
# keepalive promises, and come back by themselves when the network is whole.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

hosts alpha beta gamma delta
all=(alpha beta gamma delta)
new_phrase
key_known "${all[@]}"
for name in "${all[@]}"; do node_launch "$name"; done
await_full 60 "${all[@]}" || fail "no full views"

# One that is cut off alone is missed soon. Of two halves each has fewer
# witnesses and takes longer to be sure, so that is for the long dose.
begin=$(clock_ms)
if full; then
	split alpha beta / gamma delta
	await_found 60 "$begin" gamma dead alpha beta || fail "gamma is not missed"
	await_found 60 "$begin" alpha dead gamma delta || fail "alpha is not missed"
else
	split alpha / beta gamma delta
	await_found 60 "$begin" alpha dead beta gamma delta ||
		fail "alpha is not missed"
fi
say "split: known after $last_ms ms"
heal
begin=$(clock_ms)
await_full 60 "${all[@]}" || fail "no full views after the split"
say "healed: full views after $((full_at - begin)) ms"
answers() { ph "$1" status --node "$2"; }
expect_soon 20 "alpha asks delta" answers alpha delta
expect_soon 20 "delta asks alpha" answers delta alpha
full || exit 0
for name in "${all[@]}"; do node_kill "$name"; done

# Lines alone, where membership is off.
timed() { # WHAT CMD...
	local what=$1 begin
	shift
	begin=$(now_ms)
	"$@"
	say "$what: $(($(now_ms) - begin)) ms"
}
lines() { # COUNT NODE...
	local count=$1
	shift
	for name in "$@"; do
		expect_soon 40 "$name has $count lines" has_lines "$name" "$count"
	done
}
node_up alpha --discovery off
node_launch beta --discovery off --join "$(address alpha)"
node_launch gamma --discovery off --join "$(address alpha)"
lines 2 alpha beta gamma

split alpha / beta gamma
timed "alpha, split off, knows" lines 0 alpha
timed "the others know" lines 1 beta gamma
heal
timed "healed" lines 2 alpha beta gamma

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
