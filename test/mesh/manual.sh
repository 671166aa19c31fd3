#!/bin/bash
# Wires changed by hand: laid, moved, taken away, for a time or until they are
# reverted. What is declared stays declared, the difference is shown, and all
# of it outlives a restart.
. "$(dirname "$0")/lib.bash"

three_nodes
cat >"$W/demo.yaml" <<-END
	wiring: 1
	name: demo
	hosts: {alpha: {}, beta: {}, gamma: {}}
	servers:
	  tick: {host: alpha, use: clock}
	  tock: {host: alpha, use: clock}
	  one: {host: beta, use: null}
	  two: {host: gamma, use: null}
	  three: {host: beta, use: null}
	wires: [tick:out -> one:in]
END
ph gamma apply "$W/demo.yaml" >"$W/said" 2>&1 || fail "$(cat "$W/said")"

# FROM TO: such a connection is there, and open.
is_wired() {
	holds beta "any(.items[]; .from == \"$1\" and .to == \"$2\" and
		(.state == \"open\" or .state == \"flowing\" or .state == \"idle\"))" connections
}
is_not_wired() {
	holds beta "all(.items[]; .from != \"$1\" or .to != \"$2\")" connections
}
id_of() { ask beta ".items[] | select(.from == \"$1\") | .id" connections; }
same() { holds gamma '.items | length == 0' diff; }

expect_soon 10 "the declared wire" is_wired alpha/tick:out beta/one:in
expect_soon 5 "nothing differs" same

# --- laid by hand, from another node, and still there after a restart
expect_exit 0 ph gamma connect alpha/tock:out beta/three:in --why "a look"
expect_said "connect o-1.1: alpha/tock:out -> beta/three:in"
expect_soon 10 "the wire by hand" is_wired alpha/tock:out beta/three:in
id=$(id_of alpha/tock:out)
ph beta diff >"$W/said"
expect_said "o-1.1" "connect" "a look"
node_kill alpha
node_up alpha
expect_soon 20 "the wire by hand after a restart" \
	is_wired alpha/tock:out beta/three:in
[ "$(id_of alpha/tock:out)" = "$id" ] || fail "its id changed"

# --- what cannot be
expect_exit 5 ph alpha connect tock:out beta/three:in
expect_said "wired already" "$id"
expect_exit 5 ph alpha connect tock:out gamma/two:in
expect_said "feeds $id already" "posthouse move"
expect_exit 78 ph alpha connect beta/one:in gamma/two:in
expect_said "is an input"
expect_exit 4 ph alpha connect tock:wrong gamma/two:in
expect_exit 4 ph alpha move "$id" --to gamma/nobody:in
expect_exit 4 ph alpha disconnect alpha#9.9
expect_exit 2 ph alpha move "$id"
expect_exit 4 ph alpha revert o-9.9
expect_said "no such override"

# --- a wire by hand is moved, a declared one for a while
expect_exit 0 ph beta move "$id" --to gamma/two:in
expect_soon 10 "moved" is_wired alpha/tock:out gamma/two:in
is_not_wired alpha/tock:out beta/three:in || fail "it is in two places"
id=$(id_of alpha/tick:out)
# A machine that is busy may look when the while is over: then a longer one.
seen_moved() {
	await $1 is_wired alpha/tick:out beta/three:in &&
		ph beta diff >"$W/said" && grep -qF "one is full" "$W/said"
}
for long in 3 10 40; do
	expect_exit 0 ph beta move "$id" --to beta/three:in --for ${long}s \
		--why "one is full"
	seen_moved $long && break
	[ $long -lt 40 ] || fail "moved for a while, which is not seen"
	expect_soon 10 "it goes back" is_wired alpha/tick:out beta/one:in
	id=$(id_of alpha/tick:out)
done
expect_said "move" "one is full"
holds beta 'all(.items[]; .from != "alpha/tick:out" or .to == "beta/one:in" or
	.to == "beta/three:in")' connections || fail "moved elsewhere"
[ "$(ask beta '[.items[] | select(.from == "alpha/tick:out")] | length' \
	connections)" = 1 ] || fail "the declared wire stands, too"
expect_soon 10 "it goes back by itself" is_wired alpha/tick:out beta/one:in
is_not_wired alpha/tick:out beta/three:in || fail "it is in two places"

# --- taken away by hand; apply does not settle what a person changed
expect_exit 0 ph alpha disconnect "$(id_of alpha/tick:out)" --why "quiet"
expect_soon 10 "taken away" is_not_wired alpha/tick:out beta/one:in
ph gamma apply "$W/demo.yaml" >"$W/said" 2>&1 || fail "$(cat "$W/said")"
is_not_wired alpha/tick:out beta/one:in || fail "apply undid it silently"
ph beta diff >"$W/said"
expect_said "disconnect" "quiet" "by hand"
expect_exit 0 ph gamma revert all
expect_soon 10 "reverted" is_wired alpha/tick:out beta/one:in
expect_soon 10 "the wire by hand is gone" \
	is_not_wired alpha/tock:out gamma/two:in
expect_soon 10 "nothing differs any more" same

# --- saved as it is, and the same again on another mesh
expect_exit 0 ph alpha connect tock:out gamma/two:in
expect_soon 10 "one by hand" is_wired alpha/tock:out gamma/two:in
ph gamma save -o "$W/saved.yaml" || fail "save"
ph alpha lint "$W/saved.yaml" >"$W/said" || fail "$(cat "$W/said")"
expect_exit 5 ph gamma save -o "$W/saved.yaml"
expect_exit 4 ph gamma save nothing
edges() { ask "$1" '[.items[] | .from + " " + .to] | sort | .[]' connections; }
edges beta >"$W/before"
ph beta revert all >/dev/null || fail "revert"
ph beta unapply demo >/dev/null || fail "unapply"
ph beta apply "$W/saved.yaml" >"$W/said" 2>&1 || fail "$(cat "$W/said")"
expect_soon 10 "the saved wire" is_wired alpha/tock:out gamma/two:in
expect_soon 10 "the other one" is_wired alpha/tick:out beta/one:in
edges beta >"$W/after"
same_bytes "$W/before" "$W/after" || fail "another graph: $(cat "$W/after")"
ph gamma apply "$W/demo.yaml" >"$W/said" 2>&1 || fail "$(cat "$W/said")"
expect_soon 10 "as declared again" is_wired alpha/tick:out beta/one:in

# --- a change whose wire leaves the file goes with it
expect_exit 0 ph alpha disconnect "$(id_of alpha/tick:out)"
sed -i 's/^wires: .*/wires: [tock:out -> one:in]/' "$W/demo.yaml"
ph gamma apply "$W/demo.yaml" >"$W/said" 2>&1 || fail "$(cat "$W/said")"
expect_soon 10 "the new wire" is_wired alpha/tock:out beta/one:in
expect_soon 5 "nothing is left of the change" same
say "passed"
