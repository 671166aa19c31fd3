#!/bin/bash
# Ends by criteria: Hostesses of three nodes say who is meant, near first; the
# plan shows it, the choice is kept, also over a restart, and made anew by an
# apply that finds the chosen one gone.
. "$(dirname "$0")/lib.bash"

# gamma has what the last part looks for.
new_phrase
node_up alpha
node_launch beta --join "$(address alpha)" --cap disk=big
node_launch gamma --join "$(address alpha)" --cap gpu=nvenc --cap disk=big
for name in beta gamma; do
	expect_soon 15 "$name is up" node_answers $name
	ADDRESS[$name]=$(ask $name '.items[0].listen[0]' status)
done
for name in alpha beta gamma; do
	expect_soon 10 "two lines of $name" has_lines $name 2
done
# NODE SCOPE NAME...: servers of class 0x2a there.
encoders() {
	local node=$1 scope=$2
	shift 2
	printf 'wiring: 1\nname: %s\nservers:\n' "$scope"
	for name; do
		printf '  %s: {host: %s, exec: [cat], class: 0x2a, caps: [gpu=nvenc], in: {raw: {fd: 0}}, out: {h264: {fd: 1, optional: yes}}}\n' \
			"$name" "$node"
	done
}
encoders beta encb enc1 enc2 >"$W/b.yaml"
encoders gamma encg enc3 >"$W/g.yaml"
expect_exit 0 ph alpha apply "$W/b.yaml"
expect_exit 0 ph alpha apply "$W/g.yaml"
cat >"$W/cam.yaml" <<'END'
wiring: 1
name: cam
servers:
  cam: {host: alpha, use: clock, out: {out: {kind: mux}}}
wires:
  - {from: cam, to: {class: 0x2a, caps: [gpu=nvenc], terminal: raw, count: 2}, on_full: latest}
END
# What cam feeds, in order.
fed() {
	ask alpha '[.items[] | select(.from == "alpha/cam:out" and
		(.state | test("closed|draining") | not)).to] | sort | join(" ")' connections --node alpha
}
three_free() {
	holds alpha '[.items[] | select(.name | startswith("enc")) |
		select(.state == "running")] | length == 3' servers
}
expect_soon 10 "three encoders" three_free

expect_exit 0 ph alpha plan "$W/cam.yaml"
expect_said "cam:out -> " "(chosen by class=2a,terminal=raw,caps=gpu=nvenc)"
plan=$(grep -o 'p-[0-9.]*' "$W/said" | head -n 1)
planned=$(sed -n 's/.*cam:out -> \([^ ]*\) .*/\1/p' "$W/said" | sort | xargs)
[ "$(wc -w <<<"$planned")" = 2 ] || fail "planned: $planned"
# A plan holds nothing.
for node in beta gamma; do
	holds alpha '[.items[].terminals[].holds[]] == []' guests --node $node ||
		fail "held: $(ask alpha .items guests --node $node)"
done
expect_exit 0 ph alpha apply "$plan"
[ "$(fed)" = "$planned" ] || fail "planned $planned, wired $(fed)"
expect_soon 10 "both stand" holds alpha \
	'[.items[] | select(.from == "alpha/cam:out" and .actual == "open")] |
	length == 2' connections
say "what the plan chose is wired: ok"

# Again: the same, and nothing changes; also after a restart.
id=$(ask alpha '.items[] | select(.from == "alpha/cam:out").id' \
	connections --node alpha | sort | xargs)
expect_exit 0 ph alpha apply "$W/cam.yaml"
node_kill alpha
node_up alpha
expect_soon 10 "two lines of alpha" has_lines alpha 2
expect_exit 0 ph gamma apply "$W/cam.yaml"
[ "$(fed)" = "$planned" ] || fail "chosen anew: $planned, now $(fed)"
[ "$(ask alpha '.items[] | select(.from == "alpha/cam:out").id' \
	connections --node alpha | sort | xargs)" = "$id" ] || fail "laid anew"
say "the choice is kept: ok"

# One more than there are is refused, and nothing changes.
sed 's/count: 2/count: 4/' "$W/cam.yaml" >"$W/more.yaml"
before=$(($(now_ms) - $(waited_ms)))
expect_exit 4 ph alpha apply "$W/more.yaml"
took=$(($(now_ms) - $(waited_ms) - before))
expect_said "3 of 4 found for criteria class=2a" "nothing here is like that and free"
# Everybody has said so: nothing is waited for.
[ $took -lt $((2000 * PATIENCE)) ] || fail "none found after $took ms"
say "none found in $took ms"
[ "$(fed)" = "$planned" ] || fail "changed: $(fed)"

# One is gone: the third takes its place, the other stays.
expect_exit 0 ph alpha unapply encg
gone=$(tr ' ' '\n' <<<"$planned" | grep gamma)
if [ -n "$gone" ]; then
	expect_exit 0 ph alpha apply "$W/cam.yaml"
	[ "$(fed)" = "beta/enc1:raw beta/enc2:raw" ] || fail "now $(fed)"
else
	ph alpha apply "$W/g.yaml" >/dev/null
	expect_exit 0 ph alpha unapply encb
	encoders beta encb enc1 >"$W/b.yaml"
	expect_exit 0 ph alpha apply "$W/b.yaml"
	expect_soon 10 "two encoders" holds alpha '[.items[] |
		select(.name | startswith("enc"))] | length == 2' servers
	expect_exit 0 ph alpha apply "$W/cam.yaml"
	[ "$(fed)" = "beta/enc1:raw gamma/enc3:raw" ] || fail "now $(fed)"
fi
say "who is gone is replaced: ok"

# By what its node has.
cat >"$W/near.yaml" <<'END'
wiring: 1
name: near
servers: {tick: {host: alpha, use: clock}}
wires: [{from: tick, to: {server: "b-*", node_caps: [gpu=nvenc]}}]
END
for node in beta gamma; do
	printf 'wiring: 1\nname: b%s\nservers: {b-%s: {host: %s, use: "null"}}\n' \
		$node $node $node >"$W/b.yaml"
	expect_exit 0 ph alpha apply "$W/b.yaml"
done
expect_exit 0 ph alpha apply "$W/near.yaml"
holds alpha '[.items[] | select(.from == "alpha/tick:out").to] ==
	["gamma/b-gamma:in"]' connections --node alpha || fail "not gamma's"
say "by what its node has: ok"

# Who runs goes before who does not, also when that one is nearer.
idle() { # NODE COMMAND
	printf 'wiring: 1\nname: i%s\nservers: {i-%s: {host: %s, exec: [sh, -c, "%s"], restart: never, class: 0x77}}\n' \
		"$1" "$1" "$1" "$2" >"$W/i.yaml"
	expect_exit 0 ph alpha apply "$W/i.yaml"
}
cat >"$W/idle.yaml" <<'END'
wiring: 1
name: idle
servers: {tock: {host: alpha, use: clock}}
wires: [{from: tock, to: {class: 0x77, terminal: stdin}, on_full: latest}]
END
chosen() { ask alpha '.items[] | select(.from == "alpha/tock:out").to' connections --node alpha; }
ended() { holds alpha '.items[] | select(.name == "i-alpha") |
	.state != "running" and .state != "starting"' servers --node alpha; }
idle alpha "exit 0"
idle beta "exec cat >/dev/null"
expect_soon 5 "i-alpha has ended" ended
expect_exit 0 ph alpha apply "$W/idle.yaml"
[ "$(chosen)" = beta/i-beta:stdin ] || fail "chosen: $(chosen)"
expect_exit 0 ph alpha unapply idle
expect_exit 0 ph alpha unapply ibeta
expect_exit 0 ph alpha apply "$W/idle.yaml"
[ "$(chosen)" = alpha/i-alpha:stdin ] || fail "none runs: $(chosen)"
say "who runs is preferred: ok"

# A host by what it has; two of them are two nodes; who was found stays.
cat >"$W/place.yaml" <<'END'
wiring: 1
name: place
for_each: {n: [1, 2]}
hosts: {"big-${n}": {caps: [disk]}}
servers:
  src-${n}: {host: "big-${n}", use: clock, with: {every: 1h}}
  all: {exec: [sh, -c, "exec cat >/dev/null"], in: {i: {kind: combine}}}
wires: ["src-${n} -> all"]
END
placed() {
	ask alpha '[.items[] | select(.scope == "place" and .name != "all") |
		"\(.name)@\(.node)"] | sort | join(" ")' servers
}
expect_soon 5 "caps are known" holds alpha \
	'[.items[] | select(.caps | index("disk=big"))] | length == 2' peers
expect_exit 0 ph alpha plan "$W/place.yaml"
expect_said "+ server src-1" "+ server src-2" "+ wire src-1:out -> alpha/all:i"
expect_exit 0 ph alpha apply "$W/place.yaml"
[ "$(placed)" = "src-1@beta src-2@gamma" ] || fail "placed: $(placed)"
# One that only gamma has: it keeps gamma, though big-2 is told first.
sed 's/hosts: .*/hosts: {big-1: {caps: [disk]}, big-2: {caps: ["gpu=nv*"]}}/' \
	"$W/place.yaml" >"$W/place2.yaml"
expect_exit 0 ph gamma apply "$W/place2.yaml"
[ "$(placed)" = "src-1@beta src-2@gamma" ] || fail "placed anew: $(placed)"
sed 's/caps: \[disk\]/caps: [disk, moon]/' "$W/place.yaml" >"$W/none.yaml"
expect_exit 4 ph alpha apply "$W/none.yaml"
expect_said "big-1" "has its caps" "--cap"
say "hosts by capability: ok"

# A host that is two: what runs on it stands once on each.
cat >"$W/two.yaml" <<'END'
wiring: 1
name: two
hosts: {big: {caps: [disk], count: 2}}
servers:
  tick: {host: big, use: clock, with: {every: 1h}}
  all: {exec: [sh, -c, "exec cat >/dev/null"], in: {i: {kind: combine}}}
wires: ["tick -> all"]
END
expect_exit 0 ph alpha unapply place
expect_exit 0 ph alpha apply "$W/two.yaml"
placed="$(ask alpha '[.items[] | select(.scope == "two" and .name != "all") |
	"\(.name)@\(.node)"] | sort | join(" ")' servers)"
[ "$placed" = "tick-1@beta tick-2@gamma" ] || fail "placed: $placed"
sed 's/count: 2/count: 3/' "$W/two.yaml" >"$W/three.yaml"
expect_exit 4 ph alpha apply "$W/three.yaml"
expect_said "big-3" "has its caps"
say "a host that is two: ok"
