#!/bin/bash
# The alarms of a wiring file come and go while it is applied; what follows from
# a cause stands below it; ack, shelve, unshelve.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_launch beta --join "$(address alpha)"
expect_soon 15 "beta is up" node_answers beta
expect_soon 10 "a line" has_lines alpha 1
mkfifo "$W/gate"
cat >"$W/a.yaml" <<END
wiring: 1
name: watched
servers:
  src: {host: alpha, exec: [sh, -c, "while :; do echo tick; read -t 0.1 x; done <>$W/gate"], owner: ops}
  mid: {host: beta, exec: [cat, -u], labels: {tier: core}}
  sink: {host: alpha, use: "null"}
wires:
  - {from: src:stdout, to: mid:stdin, labels: {line: "7"}, expect: ">= 1B/s"}
  - mid -> sink
alarms:
  - {on: sink:in, when: "silent > 1s", priority: high, action: look at mid}
  - {on: {labels: {tier: core, line: "7"}}, when: "rate > 1B/s", priority: low, action: none}
END
expect_exit 0 ph alpha apply "$W/a.yaml"
expect_soon 10 "the wires stand" holds alpha \
	'[.items[] | select(.actual == "open")] | length == 2' connections
holds alpha '[.items[] | select(.labels.line == "7")] | length == 1' \
	connections || fail "no label: $(ask alpha .items connections)"
expect_soon 8 "the selected wire has its alarm" holds alpha \
	'[.items[] | select(.kind == "rule" and .priority == "low" and
	.subject == "beta/mid:stdin" and .state == "raised")] | length == 1' \
	alarms
low=$(ask alpha '.items[] | select(.priority == "low").alarm' alarms)
ph alpha metrics | grep -qF 'posthouse_alarms_active{priority="low"} 1' ||
	fail "metrics: $(ph alpha metrics | grep alarms)"
say "a selector's alarm comes: ok"

expect_exit 0 ph beta ack "$low" --why "known"
holds alpha ".items[] | select(.alarm == \"$low\") |
	.state == \"acked\" and .why == \"known\" and .by == \"beta\"" alarms ||
	fail "not acked: $(ask alpha .items alarms)"
expect_exit 0 ph alpha shelve "$low" --for 5m --why "next week"
holds alpha '.items == []' alarms || fail "$(ask alpha .items alarms)"
holds beta '.items[0].state == "shelved"' alarms all ||
	fail "not shelved: $(ask beta .items alarms all)"
expect_exit 0 ph alpha alarms
expect_said "no alarm" "(1 shelved"
expect_exit 0 ph beta unshelve "$low"
holds alpha '.items[0].state == "acked"' alarms || fail "still shelved"
expect_exit 4 ph alpha ack a-00000000
expect_exit 2 ph alpha shelve "$low"
say "ack, shelve, unshelve: ok"

# The program stops: what is behind it goes silent, and that is one alarm.
pid=$(ask beta '.items[] | select(.name == "mid").pid' servers --node beta)
kill -STOP "$pid"
expect_soon 10 "it is silent" holds alpha '[.items[] |
	select(.priority == "high" and .subject == "alpha/sink:in")] |
	length == 1' alarms
kill -CONT "$pid"
expect_soon 10 "the alarm goes" holds alpha \
	'[.items[] | select(.priority == "high")] == []' alarms
ph beta events | grep -q 'alarm a-.* cleared: alpha/sink:in' ||
	fail "no journal: $(ph beta events)"
say "comes and goes: ok"

# beta dies: one cause.
node_kill beta
expect_soon 20 "beta is the only cause" holds alpha \
	'(.items | length) == 1 and .items[0].kind == "node" and
	.items[0].subject == "beta" and .items[0].explained >= 1' alarms
[ "$(ph alpha alarms 2>&1 >/dev/null | grep -c 'left out')" -le 1 ] ||
	fail "left out, more than once: $(ph alpha alarms 2>&1)"
say "one cause, one alarm: ok"
