#!/bin/bash
# Reservations over a mesh: a hundred racers for one terminal, holds by mask
# over several nodes, waiting, releasing, known menus, and restarts in between.
# At the end a program that shares no code with the Hostess looks through the
# journals of all nodes.
. "$(dirname "$0")/lib.bash"

root=$(cd "$(dirname "$0")/../.." && pwd)
${CC:-cc} -O1 -o "$W/bookings" "$root/test/mesh/bookings.c" -lsqlite3 ||
	fail "the checker does not build"

three_nodes
cat >"$W/house.yaml" <<'END'
wiring: 1
name: house
for_each: {n: ["1", "2", "3", "4"]}
defaults: {}
servers:
  sink${n}: {host: beta, use: 'null', class: 0x2a, caps: [gpu=nvenc]}
  far${n}: {host: gamma, use: 'null', class: 0x2a, caps: [gpu=nvenc]}
END
ph alpha apply "$W/house.yaml" >"$W/said" 2>&1 || fail "apply: $(cat "$W/said")"
four_here() { holds "$1" '[.items[] | select(.class == 42)] | length == 4' guests; }
expect_soon 10 "servers of beta" four_here beta
expect_soon 10 "servers of gamma" four_here gamma

# --- a hundred racers, local and remote mixed

racers=()
for i in $(seq 100); do
	case $((i % 3)) in 0) at=alpha ;; 1) at=beta ;; 2) at=gamma ;; esac
	(ph $at reserve beta/sink1:in --for 10m --timeout 50s --json \
		>"$W/race.$i" 2>"$W/lost.$i"; echo $? >"$W/code.$i") &
	racers+=($!)
done
wait "${racers[@]}"
won=$(cat "$W"/code.* | grep -c '^0$')
lost=$(cat "$W"/code.* | grep -c '^5$')
[ "$won" -eq 1 ] || fail "$won winners"
[ "$lost" -eq 99 ] || fail "$lost told that it is taken: $(cat "$W"/code.* | sort | uniq -c)"
told=$(grep -lE 'held by (alpha|beta|gamma) \(beta~[0-9.]+\), for [0-9]+ s more' \
	"$W"/lost.* | wc -l)
[ "$told" -eq 99 ] || fail "$told of 99 were told by whom and until when"
cat "$W"/race.* >"$W/winner"
id=$(jq -r '.items[0].id' "$W/winner")
holds beta ".items[] | select(.server == \"sink1\") | .terminals[0]
	| .in_use == 1 and .connections == [] and .holds[0].id == \"$id\"" \
	guests || fail "the hold is not shown: $(ask beta . guests)"
say "race: one winner, 99 told"

# --- by mask, one that runs is found before one that does not

cat >"$W/pair.yaml" <<'END'
wiring: 1
name: pair
servers:
  a-broken: {host: alpha, exec: ["false"], class: 0x2b, restart: never}
  z-runs: {host: alpha, exec: [cat], class: 0x2b}
END
# Whether it has failed before the answer comes is a matter of luck.
ph alpha apply "$W/pair.yaml" >"$W/said" 2>&1
state() { holds alpha ".items[] | select(.server == \"$1\") | .state == \"$2\"" guests; }
expect_soon 10 "the guest book knows who failed" state a-broken failed
expect_soon 10 "and who runs" state z-runs running
expect_exit 0 ph alpha guests
expect_said STATE failed running
expect_exit 0 ph alpha reserve --mask class=2b,terminal=stdin --for 100ms
expect_said z-runs
expect_exit 0 ph alpha unapply pair
say "who runs comes first: ok"

# --- whose it is, is not another's to give

by=$(jq -r '.items[0].by' "$W/winner")
other=$([ "$by" = alpha ] && echo gamma || echo alpha)
[ "$by" = beta ] || expect_exit 6 ph "$other" release "$id"
ph beta release "$id" >/dev/null || fail "release"
expect_exit 4 ph beta release "$id"
expect_exit 4 ph alpha reserve beta/sink9:in
expect_exit 4 ph alpha reserve beta/sink1:nose
expect_exit 4 ph alpha reserve delta/sink1:in
expect_exit 2 ph alpha reserve
expect_exit 2 ph alpha reserve --mask colour=red

# --- by mask, over several nodes

expect_exit 0 ph alpha reserve --mask class=0x2a,free=yes,caps=gpu=nvenc \
	--count 6 --for 10m --json
[ "$(jq '[.items[].node] | sort | unique | length' "$W/said")" -eq 2 ] ||
	fail "not of two nodes: $(cat "$W/said")"
cp "$W/said" "$W/six"
expect_exit 5 ph alpha reserve --mask class=0x2a,free=yes --count 3
holds alpha '[.items[] | select(.class == 42)] | length == 0' guests ||
	fail "alpha has servers of its own"
free_servers() { ask "$1" '.items | length' guests --mask class=2a,free=yes; }
is_free() { [ $(($(free_servers beta) + $(free_servers gamma))) -eq "$1" ]; }
expect_within 5 "what did not suffice went back" is_free 2
for id in $(jq -r '.items[].id' "$W/six"); do
	ph alpha release "$id" >/dev/null || fail "release $id"
done
expect_soon 5 "all are free again" is_free 8
say "mask: six servers of two nodes"

# --- waiting is fair

ph alpha reserve beta/sink2:in --for 10m --json >"$W/first" || fail "first"
(ph gamma reserve beta/sink2:in --for 1s --wait 30s --json >"$W/second" 2>&1
	echo $? >"$W/second.code") &
second=$!
expect_exit 7 ph beta reserve beta/sink2:in --wait 200ms
ph alpha release "$(jq -r '.items[0].id' "$W/first")" >/dev/null
wait $second
[ "$(cat "$W/second.code")" -eq 0 ] || fail "who waited: $(cat "$W/second")"
say "wait: ok"

# --- the menu of one that is away, and of one that is back

knows_four() { holds alpha '.items | length == 4' menu beta; }
expect_soon 5 "the menu of beta" knows_four
ph beta reserve beta/sink3:in --for 10m >/dev/null || fail "sink3"
ph alpha reserve beta/sink4:in --for 10m >/dev/null || fail "sink4"
node_kill beta
away() { ph alpha menu beta --json 2>/dev/null | jq -e \
	'(.items | length) == 4 and all(.items[]; .as_of > 0)'; }
expect_soon 20 "what beta offered last" away
expect_exit 0 ph alpha menu beta
expect_said "its menu of"
node_up beta
expect_soon 15 "beta's servers" four_here beta
# No hold outlives its node.
expect_soon 5 "no hold is left" holds beta \
	'all(.items[].terminals[]; .in_use == 0)' guests
say "menu: ok"

# --- held at another node: wired with that reservation, and not without it

printf 'wiring: 1\nname: ticks\nservers: {tick: {host: beta, use: clock}}\n' \
	>"$W/ticks.yaml"
expect_exit 0 ph alpha apply "$W/ticks.yaml"
output=$(ask alpha '.items[0].id' reserve tick:out --node beta --for 10m)
input=$(ask alpha '.items[0].id' reserve --mask server=far2,terminal=in --node gamma --for 10m)
stands() { holds alpha ".items | map(select(.to == \"$1\")) |
	length == 1 and .[0].actual == \"$2\"" connections; }
expect_exit 0 ph gamma connect beta/tick:out gamma/far1:in
expect_soon 5 "the output is held" stands gamma/far1:in failed
change=$(ask gamma '.items[0].id' diff)
expect_exit 0 ph gamma revert "$change" --node beta
expect_exit 0 ph alpha connect --node beta tick:out gamma/far1:in --reservation "$output"
expect_soon 5 "with the output's reservation" stands gamma/far1:in open
expect_exit 0 ph alpha revert "$(ask alpha '.items[0].id' diff)" --node beta
expect_exit 0 ph alpha connect beta/tick:out gamma/far2:in --reservation "$input"
expect_soon 5 "with the input's reservation" stands gamma/far2:in open
expect_exit 0 ph alpha revert "$(ask alpha '.items[0].id' diff)" --node beta
say "a reservation elsewhere: ok"

# --- the journals

for node in alpha beta gamma; do node_stop $node; done
"$W/bookings" alpha="$W/alpha/posthouse.db" beta="$W/beta/posthouse.db" \
	gamma="$W/gamma/posthouse.db" >"$W/verdict" || fail "$(cat "$W/verdict")"
say "$(tail -n 1 "$W/verdict")"
say "reserve: ok"
