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
refused 'servers: {a: {host: b1, use: clock, needs: b}, b: {host: b2, use: clock, needs: a}}' \
	"error R7: servers need one another: a -> b -> a"
holds alpha 'all(.items[]; .scope == "needs")' servers ||
	fail "a refused file started something"
# What is saved says it, too.
expect_exit 0 ph alpha save needs -o "$W/saved.yaml"
grep -q 'needs: \[second, first\]' "$W/saved.yaml" ||
	fail "saved without needs: $(cat "$W/saved.yaml")"
expect_exit 0 ph alpha apply "$W/saved.yaml"
expect_exit 0 ph alpha unapply needs
say "what cannot be is refused: ok"

# Of another node: it starts when that one has, and no sooner.
node_up beta --join "$(address alpha)"
expect_soon 10 "a line" has_lines alpha 1
cat >"$W/far.yaml" <<'END'
wiring: 1
name: far
servers:
  late: {host: alpha, use: clock, needs: [here, there]}
  here: {host: alpha, use: clock}
  there: {host: beta, exec: [sh, -c, "exec tail -f /dev/null"], needs: below}
  below: {host: beta, exec: [sh, -c, "exec tail -f /dev/null"]}
END
expect_exit 0 ph alpha apply "$W/far.yaml"
runs() { holds alpha "[.items[] | select(.name == \"$1\").state] == [\"running\"]" servers --node alpha; }
expect_soon 10 "late runs" runs late
# beta is away: after a restart, alpha's waits for it.
node_kill beta
node_kill alpha
node_up alpha
expect_soon 10 "here runs" runs here
runs late && fail "late did not wait for beta"
node_up beta
expect_soon 20 "late runs again" runs late
expect_exit 0 ph alpha save far -o "$W/far-saved.yaml"
grep -q 'needs: \[here, there\]' "$W/far-saved.yaml" ||
	fail "saved: $(cat "$W/far-saved.yaml")"
expect_exit 0 ph alpha unapply far
say "needs of another node: ok"

# A short stream of a mux: both wires have all of it, the far one too.
cat >"$W/short.yaml" <<END
wiring: 1
name: short
servers:
  src: {host: alpha, use: zero, with: {bytes: 100kB}, out: {out: {kind: mux}}}
  one: {host: alpha, use: file.write, with: {path: $W/one}}
  two: {host: beta, use: file.write, with: {path: $W/two}}
wires:
  - src -> one
  - src -> two
END
expect_exit 0 ph alpha apply "$W/short.yaml"
ended() { holds alpha '[.items[] | select(.reason == "end")] | length == 2' connections; }
expect_soon 10 "both have ended" ended
[ "$(stat -c %s "$W/one" "$W/two" | xargs)" = "100000 100000" ] ||
	fail "sizes: $(stat -c %s "$W/one" "$W/two")"
say "a source begins with all of its wires: ok"

# A server that was given up is named, and the exit code says so.
printf '%s\n' 'wiring: 1' 'name: broken' \
	'servers: {no: {host: beta, exec: ["false"], restart: never}}' >"$W/no.yaml"
ph alpha apply "$W/no.yaml" >/dev/null 2>&1
expect_soon 10 "it failed" holds alpha \
	'[.items[] | select(.name == "no").state] == ["failed"]' servers
expect_exit 1 ph alpha apply "$W/no.yaml"
expect_said "applied broken" "beta/no has failed: " "posthouse logs beta/no"
say "what failed is named: ok"
