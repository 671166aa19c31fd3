#!/bin/bash
# What a wire's `via:` says is how its carriers come, dialled by either side, and
# by no other way: what cannot be had is drift, with the reason.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)" --listen "unix:$W/beta.carriers" \
	--listen ws://127.0.0.1:0
expect_soon 10 "the line is up" has_lines beta 1
web=$(ask beta '.items[0].listen[] | select(startswith("ws:"))' status)

# VIA AT [FROM TO]
wiring() {
	cat <<-END
	wiring: 1
	name: way
	hosts: {alpha: {}, beta: {at: "$2"}}
	servers:
	  tick: {host: ${3:-alpha}, use: clock}
	  sink: {host: ${4:-beta}, use: null}
	wires: [{from: tick, to: sink, on_full: latest, via: $1}]
	END
}
# NODE STATE TRANSPORT
is() {
	holds "$1" ".items | map(select(.scope == \"way\")) |
		length == 1 and (.[0] | (.actual == \"$2\") and
		(.transport == \"$3\"))" connections --node "$1"
}
applied() {
	wiring "$@" >"$W/way.yaml"
	expect_exit 0 ph alpha apply "$W/way.yaml"
}

applied tls "$(address beta)"
expect_soon 10 "over TLS on TCP" is alpha open tcp
applied ws "$web"
expect_soon 10 "over a WebSocket" is alpha open ws
applied unix "unix:$W/beta.carriers"
expect_soon 10 "over a unix socket" is alpha open unix
holds alpha '.items[0].declared.via == "unix"' connections --node alpha ||
	fail "the declared way is not told"
ph alpha save way >"$W/said" || fail "save"
expect_said "via: unix"
say "as the file says: ok"

# The carrier is lost: its successor comes the same way.
node_kill beta
node_up beta --listen "unix:$W/beta.carriers" --listen ws://127.0.0.1:0
expect_soon 20 "over a unix socket again" is alpha open unix
say "also the next one: ok"

# Nobody knows of such an address, on either side.
applied wss "$(address beta)"
no_way() {
	holds alpha '[.items[] | select(.kind == "drift") |
		select(.reason | contains("via wss: no such address"))] |
		length == 1' diff --node alpha
}
expect_soon 10 "drift, with its reason" no_way
applied tcp "$(address beta)"
expect_soon 10 "over TCP" is alpha open tcp
say "what cannot be had is drift: ok"

# beta has the output, and knows alpha by no unix socket: it asks to be dialled.
applied unix "unix:$W/beta.carriers" beta alpha
expect_soon 15 "alpha dialled beta for it" is beta open unix
say "dialled by the other side: ok"

# What stands under `defaults` holds for the wires between nodes that say nothing
# themselves; those within a node are none of its business.
web=$(ask beta '.items[0].listen[] | select(startswith("ws:"))' status)
cat >"$W/defaults.yaml" <<END
wiring: 1
name: way
defaults: {via: ws}
hosts: {alpha: {}, beta: {at: "$web"}}
servers:
  one: {host: alpha, use: clock}
  two: {host: alpha, use: clock}
  home: {host: alpha, use: clock}
  s1: {host: beta, use: null}
  s2: {host: beta, use: null}
  s4: {host: alpha, use: null}
wires:
  - {from: one, to: s1, on_full: latest}
  - {from: two, to: s2, on_full: latest, via: tcp}
  - {from: home, to: s4, on_full: latest}
END
expect_exit 0 ph alpha apply "$W/defaults.yaml"
# SERVER TRANSPORT
goes() {
	holds alpha "[.items[] | select(.from == \"alpha/$1:out\") |
		.actual, .transport] == [\"open\", \"$2\"]" connections --node alpha
}
expect_soon 10 "by the default over a WebSocket" goes one ws
expect_soon 10 "its own word goes before" goes two tcp
expect_soon 10 "within the node no way is dialled" goes home loop
sed -i 's/{via: ws}/{via: unix}/' "$W/defaults.yaml"
expect_exit 0 ph alpha apply "$W/defaults.yaml"
expect_soon 15 "by another default another way" goes one unix
expect_soon 10 "and only that one" goes two tcp
say "a default way: ok"

# By hand, and saved; moved to an input of the same node it is no matter.
printf 'wiring: 1\nname: hand\nservers:\n  t: {host: alpha, use: clock}\n  s: {host: beta, use: null}\n  l: {host: alpha, use: null}\n' \
	>"$W/hand.yaml"
expect_exit 0 ph alpha apply "$W/hand.yaml"
expect_exit 2 ph alpha connect alpha/t:out alpha/l:in --via unix
expect_said "both ends are on alpha"
expect_exit 2 ph alpha connect alpha/t:out beta/s:in --via carrier-pigeon
expect_said "no such way"
expect_exit 0 ph alpha connect alpha/t:out beta/s:in --via unix
by_hand() { holds alpha ".items | map(select(.from == \"alpha/t:out\")) |
	length == 1 and .[0].to == \"$1\" and .[0].actual == \"open\" and
	.[0].transport == \"$2\"" connections --node alpha; }
expect_soon 10 "by hand over a unix socket" by_hand beta/s:in unix
ph alpha save hand >"$W/said" || fail "save"
expect_said "via: unix"
id=$(ask alpha '.items[] | select(.from == "alpha/t:out").id' connections --node alpha)
expect_exit 0 ph alpha move "$id" --to alpha/l:in
expect_soon 10 "moved home" by_hand alpha/l:in loop
say "by hand: ok"
say "via: ok"
