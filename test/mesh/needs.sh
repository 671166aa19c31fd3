#!/bin/bash
# Servers start after those they need, at apply, after a restart of the node,
# and when a changed file says so.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
cat >"$W/needs.yaml" <<'END'
wiring: 1
name: needs
servers:
  third: {exec: [sh, -c, "exec tail -f /dev/null"], needs: [second, first]}
  second: {exec: [sh, -c, "exec tail -f /dev/null"], needs: first}
  zero: {use: clock, needs: third}
  first: {exec: [sh, -c, "exec tail -f /dev/null"]}
END
all_run() {
	holds alpha '[.items[] | select(.state == "running") | .name] | sort ==
		["first", "second", "third", "zero"]' servers
}
# The order in which they entered the guest book since line $1 of the log.
order() {
	tail -n "+$1" "$W/alpha.log" |
		sed -n 's/.*guest.entered server=\([a-z]*\).*/\1/p' | tr '\n' ' '
}
lines() { wc -l <"$W/alpha.log"; }

expect_exit 0 ph alpha apply "$W/needs.yaml"
expect_soon 10 "all run" all_run
[ "$(order 1)" = "first second third zero " ] || fail "order: $(order 1)"
from=$(($(lines) + 1))
node_kill alpha
node_up alpha
expect_soon 10 "all run again" all_run
[ "$(order $from)" = "first second third zero " ] ||
	fail "order after a restart: $(order $from)"
say "servers start in order: ok"

# A circle, another host, nobody.
refused() {
	printf '%s\n' "wiring: 1" "name: bad" "$1" >"$W/bad.yaml"
	expect_exit 78 ph alpha apply "$W/bad.yaml"
	expect_said "$2"
}
refused 'servers: {a: {use: clock, needs: b}, b: {use: clock, needs: [a]}}' \
	"error R7: servers need one another: a -> b -> a"
refused 'servers: {a: {use: clock, needs: c}}' "error P1: no server 'c'"
refused 'servers: {a: {use: clock, needs: b}, b: {host: beta, use: clock}}' \
	"'needs' of a server on another host is not in this version"
holds alpha 'all(.items[]; .scope == "needs")' servers ||
	fail "a refused file started something"
# What is saved says it, too.
expect_exit 0 ph alpha save needs -o "$W/saved.yaml"
grep -q 'needs: \[second, first\]' "$W/saved.yaml" ||
	fail "saved without needs: $(cat "$W/saved.yaml")"
expect_exit 0 ph alpha apply "$W/saved.yaml"
expect_exit 0 ph alpha unapply needs
say "what cannot be is refused: ok"
