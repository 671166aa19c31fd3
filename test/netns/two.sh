#!/bin/bash
# Two machines that share a wire and a passphrase find each other with no
# configuration: from the start of both until each has a line to the other,
# counts it alive and knows its menu. Three trials; 40 in the long dose, whose
# p95 has a goal. Each trial is fresh: no state, no key that was derived before.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

trials=3
full && trials=40
hosts alpha beta
new_phrase

# When the last of the two had both: ms of the log's clock.
met_at() {
	awk '
	/ line\.up | member\.state .* to=alive / {
		ms = substr($1, 9, 2) * 24 + substr($1, 12, 2)
		ms = (ms * 60 + substr($1, 15, 2)) * 60 + substr($1, 18, 2)
		ms = ms * 1000 + substr($1, 21, 3)
		what = FILENAME (/line\.up/ ? " line" : " alive")
		if (!(what in seen)) {
			seen[what] = 1
			count++
			last = ms > last ? ms : last
		}
	}
	END { printf "%.0f", count == 4 ? last : 0 }' \
		"$W/alpha.log" "$W/beta.log" 2>/dev/null
}
have_met() { met=$(met_at) && [ "$met" != 0 ]; }

for trial in $(seq $trials); do
	rm -rf "$W"/alpha* "$W"/beta*
	begin=$(clock_ms)
	node_launch alpha
	node_launch beta
	expect_soon 10 "trial $trial: they have met" have_met
	took+=($((met - begin)))
	# What was exchanged is there when beta is away.
	[ "$trial" = 1 ] && expect_soon 2 "alpha knows beta's menu" \
		ph alpha menu beta
	node_kill alpha
	node_kill beta
done
mapfile -t sorted < <(printf '%s\n' "${took[@]}" | sort -n)
p95=${sorted[$(((trials * 95 + 99) / 100 - 1))]}
say "two fresh nodes: median ${sorted[$((trials / 2))]} ms," \
	"p95 $p95 ms, worst ${sorted[-1]} ms of $trials trials (goal: p95 500 ms)"
if full; then
	[ "$p95" -le 500 ] || fail "p95 is $p95 ms"
fi
