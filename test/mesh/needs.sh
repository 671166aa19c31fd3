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
# A node stops them the other way round, each when those above it have gone.
from=$(($(lines) + 1))
node_stop alpha || fail "alpha ended with $?"
stops() {
	tail -n "+$1" "$W/alpha.log" |
		sed -n "s/.*state server=\([a-z]*\) from=running to=stopping.*/\1/p" | tr '\n' ' '
}
[ "$(stops $from)" = "zero third second first " ] || fail "stopped: $(stops $from)"
grep -q "stop.late\|stop.cut" "$W/alpha.log" && fail "somebody was not waited for"
say "servers stop in order: ok"
node_up alpha
expect_soon 10 "all run once more" all_run
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

# One that says when it is ready: who needs it waits for that.
tool=$BUILD/test/unit/notify_test
if [ -x "$tool" ]; then
	cat >"$W/ready.yaml" <<END
wiring: 1
name: ready
servers:
  after: {use: clock, needs: slow}
  slow: {exec: ["$tool", say, "STATUS=warming up", "@read", READY=1, STATUS=warm, "@stay"], ready: notify}
  give: {exec: [sh, -c, "until test -e $W/go; do sleep 0.05; done; echo go"]}
wires:
  - give -> slow
END
	expect_exit 0 ph alpha apply "$W/ready.yaml"
	says() { holds alpha ".items[] | select(.name == \"slow\") | .state == \"$1\" and .status == \"$2\"" servers; }
	expect_soon 10 "slow warms up" says starting "warming up"
	holds alpha 'all(.items[]; .name != "after")' servers ||
		fail "after did not wait until slow was ready"
	: >"$W/go"
	expect_soon 10 "slow is ready" says running warm
	expect_soon 10 "after runs" runs after
	expect_exit 0 ph alpha unapply ready
	rm "$W/go"
	# A group in order: each when the one before is ready, also again.
	cat >"$W/group.yaml" <<END
wiring: 1
name: group
servers:
  base: {exec: [sh, -c, "exec tail -f /dev/null"], group: g, strategy: rest_for_one}
  slow: {exec: ["$tool", say, "STATUS=warming up", "@read", READY=1, STATUS=warm, "@stay"], ready: notify, group: g, strategy: rest_for_one}
  top: {exec: [sh, -c, "exec tail -f /dev/null"], group: g}
  give: {exec: [sh, -c, "until test -e $W/go; do sleep 0.05; done; echo go"]}
wires:
  - give -> slow
END
	expect_exit 0 ph alpha apply "$W/group.yaml"
	expect_soon 10 "slow warms up" says starting "warming up"
	holds alpha 'all(.items[]; .name != "top")' servers ||
		fail "top did not wait until slow was ready"
	: >"$W/go"
	expect_soon 10 "top runs" runs top
	rm "$W/go"
	kill -9 "$(ask alpha '.items[] | select(.name == "base").pid' servers)"
	expect_soon 20 "slow warms up again" says starting "warming up"
	runs base || fail "slow did not wait for base"
	runs top && fail "top did not wait for slow"
	: >"$W/go"
	expect_soon 20 "top runs again" runs top
	expect_exit 0 ph alpha unapply group
	say "a group starts in order: ok"
	say "needs of one that says when it is ready: ok"
fi

# More than a map may have keys in the order of a file.
{
	printf '%s\n' "wiring: 1" "name: many" "servers:"
	for i in {1..100}; do
		echo "  m$i: {host: alpha, needs: [base], use: 'null'}"
	done
	echo "  base: {host: alpha, use: 'null'}"
} >"$W/many.yaml"
expect_exit 0 ph alpha apply "$W/many.yaml"
hundred() { holds alpha '[.items[] | select(.state == "running" and .scope == "many")] | length == 101' servers; }
expect_soon 20 "all run" hundred
expect_exit 0 ph alpha unapply many
say "a hundred that need one: ok"

# A server that was given up is named, and the exit code says so.
printf '%s\n' 'wiring: 1' 'name: broken' \
	'servers: {no: {host: beta, exec: ["false"], restart: never}}' >"$W/no.yaml"
ph alpha apply "$W/no.yaml" >/dev/null 2>&1
expect_soon 10 "it failed" holds alpha \
	'[.items[] | select(.name == "no").state] == ["failed"]' servers
expect_exit 1 ph alpha apply "$W/no.yaml"
expect_said "applied broken" "beta/no has failed: " "posthouse logs beta/no"
say "what failed is named: ok"
