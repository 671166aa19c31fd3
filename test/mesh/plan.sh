#!/bin/bash
# Plan, apply as planned, and a change that several nodes make together while
# one of them is killed: all or nothing, seen as in doubt until it is settled.
. "$(dirname "$0")/lib.bash"

wiring() {
	cat <<-END
	wiring: 1
	name: demo
	hosts: {alpha: {}, beta: {}, gamma: {}}
	servers:
	  $1-a: {host: alpha, use: clock}
	  $1-b: {host: beta, use: null}
	  $1-c: {host: gamma, use: null}
	wires: [$1-a:out -> $1-b:in]
	END
}

three_nodes
wiring old >"$W/old.yaml"
wiring new >"$W/new.yaml"

# --- a plan changes nothing, and is applied as it was seen
ph alpha plan "$W/old.yaml" >"$W/said" || fail "plan: $(cat "$W/said")"
expect_said "+ server old-a" "+ wire old-a:out -> beta/old-b:in" "apply p-"
holds alpha '.items | length == 0' servers || fail "a plan started a server"
plan=$(sed -n 's/^\(p-[0-9.]*\):.*/\1/p' "$W/said")
ph alpha apply "$plan" >"$W/said" || fail "apply of a plan"
expect_said "applied demo: 3 servers, 1 wire on"
ph beta plan "$W/new.yaml" >"$W/said" || fail "plan on beta"
expect_said "- server old-c" "+ server new-c"
plan=$(sed -n 's/^\(p-[0-9.]*\):.*/\1/p' "$W/said")
expect_exit 4 ph alpha apply p-99.1
expect_said "no such plan"

# --- something else was changed meanwhile: exit 5, and nothing changes
cat >"$W/other.yaml" <<-END
	wiring: 1
	name: other
	hosts: {gamma: {}}
	servers: {solo: {host: gamma, use: null}}
	wires: []
END
ph alpha apply "$W/other.yaml" >"$W/said" 2>&1 || fail "$(cat "$W/said")"
expect_exit 5 ph beta apply "$plan"
expect_said "gamma" "has changed since"
holds alpha '[.items[].name] | index("old-a") != null' servers ||
	fail "a stale plan changed something"

# --- killed at any time while it is applied: all or nothing in the end
part() { ask "$1" '[.items[].name | select(. != "solo")][0] // "" | .[:3]' servers; }
equal() {
	local one
	one=$(part alpha)
	[ -n "$one" ] && [ "$one" = "$(part beta)" ] && [ "$one" = "$(part gamma)" ]
}
settled() {
	local node
	for node in alpha beta gamma; do
		holds $node '[.items[] | select(.plan | not)] == []' plan list ||
			return 1
	done
	equal
}
rounds=2
full && rounds=60
next=new
for ((round = 0; round < rounds; round++)); do
	victim=$(echo alpha beta gamma | cut -d ' ' -f $((round % 3 + 1)))
	ph alpha apply "$W/$next.yaml" >"$W/applied" 2>&1 &
	applying=$!
	read -rt "0.0$(((round * 7 + RANDOM) % 30 + 1))" -u "$NAP"
	node_kill "$victim"
	wait $applying
	done=$?
	node_up "$victim"
	expect_soon 60 "round $round: settled after $victim died" settled
	[ $done -ne 0 ] || [ "$(part alpha)" = $next ] ||
		fail "round $round: acknowledged, and lost"
	[ "$(part alpha)" != $next ] || next=$([ $next = new ] && echo old || echo new)
done

# --- the coordinator is away for good: in doubt, and a person decides
expect_exit 4 ph beta plan resolve alpha@1.99 commit
expect_said "no such change"
expect_exit 2 ph beta plan resolve
say "plan: ok"

# --- without a host that is dead, the others change; it is told what is left
# They finish what they were given, and are then gone.
runs() { ask alpha '[.items[] | "\(.name)@\(.node)"] | sort | join(" ")' servers; }
run_only() { [ "$(runs)" = "$*" ]; }
small() { grep -v 'new-c' "$W/new.yaml" | sed 's/, gamma: {}//'; }
expect_exit 0 ph alpha unapply other
expect_exit 0 ph alpha apply "$W/new.yaml"
node_kill gamma
small >"$W/small.yaml"
expect_exit 3 ph beta apply "$W/small.yaml"
expect_said "applied, but 'gamma' was not reached and keeps its old part" \
	"apply the file once more"
is_behind() { holds alpha '[.items[] | select(.state == "behind") |
	"\(.node) \(.scope)"] == ["gamma demo"]' diff; }
told() { holds alpha '[.items[] | select(.kind == "change")] |
	map(.subject) == ["demo@gamma"]' alarms; }
none_behind() { holds alpha '.items == []' diff && holds alpha '.items == []' alarms; }
is_behind || fail "gamma is not behind: $(ph alpha diff)"
told && fail "told of what nothing can be done about: $(ph alpha alarms)"
node_up gamma
expect_soon 10 "two lines of gamma" has_lines gamma 2
expect_soon 10 "gamma runs its old part" \
	run_only new-a@alpha new-b@beta new-c@gamma
is_behind || fail "gamma is not behind: $(ph alpha diff)"
ph alpha diff >"$W/said"
expect_said "posthouse apply FILE once more"
expect_soon 10 "an alarm" told
ph alpha alarms >"$W/said"
expect_said "gamma keeps an old part of demo" "posthouse apply FILE of demo once more"
expect_exit 0 ph alpha apply "$W/small.yaml"
expect_soon 10 "nothing is left over" run_only new-a@alpha new-b@beta
expect_soon 10 "and nobody is behind" none_behind
expect_exit 0 ph alpha apply "$W/new.yaml"
node_kill gamma
expect_exit 3 ph beta unapply demo
expect_said "unapplied, but 'gamma' was not reached and keeps its old part" \
	"when it is back, unapply it once more"
expect_soon 10 "nothing runs any more" run_only
node_up gamma
expect_soon 10 "two lines of gamma" has_lines gamma 2
expect_exit 0 ph beta unapply demo
expect_soon 10 "nothing runs any more" run_only
say "without a dead host: ok"
