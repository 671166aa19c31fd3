#!/bin/bash
# start, stop and restart by hand: one server, on any node; a stop lets a
# program finish, and stays; a start forgives.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "a line" has_lines alpha 1
cat >"$W/hand.yaml" <<END
wiring: 1
name: hand
servers:
  src: {host: alpha, exec: [sh, -c, "while echo tick; do sleep 0.02; done"]}
  # Says what it does when its input ends, and when it is told to end.
  sink: {host: alpha, exec: [sh, -c, "trap 'echo term >>$W/said-last' TERM; cat >/dev/null; echo eof >>$W/said-last"]}
  far: {host: beta, exec: [tail, -f, /dev/null], labels: {kind: far}}
  farther: {host: beta, exec: [tail, -f, /dev/null], labels: {kind: far}}
wires:
  - src -> sink
END
# NODE SERVER STATE
is() { [ "$(ask "$1" ".items[] | select(.name == \"$2\").state" servers --node "$1")" = "$3" ]; }
pid_of() { ask "$1" ".items[] | select(.name == \"$2\").pid" servers --node "$1"; }
flows() { holds alpha '[.items[].received.bytes] | add > 0' connections; }

expect_exit 0 ph alpha apply "$W/hand.yaml"
expect_soon 10 "sink runs" is alpha sink running
expect_soon 10 "it flows" flows

# A stop: the input ends first, then it is gone, and stays so.
old=$(pid_of alpha sink)
expect_exit 0 ph alpha stop sink
expect_said "stopped sink"
is_gone "$old" || fail "$old is still there"
[ "$(cat "$W/said-last")" = eof ] || fail "it said last: $(cat "$W/said-last")"
is alpha sink stopped || fail "sink is not stopped"
expect_exit 1 ph alpha ready
holds alpha ".items[] | select(.name == \"sink\").reason == \"stopped by alpha\"" servers || fail "why it is stopped"
sed 's/name: hand/&\n# the same/' "$W/hand.yaml" >"$W/again.yaml"
expect_exit 0 ph alpha apply "$W/again.yaml"
is alpha sink stopped || fail "applying started what was stopped by hand"
# Another sink is as stopped as the one before it.
sed 's/sink: {host: alpha,/& env: {A: b},/' "$W/hand.yaml" >"$W/other.yaml"
expect_exit 0 ph alpha apply "$W/other.yaml"
expect_soon 10 "the new sink is stopped" is alpha sink stopped
expect_exit 0 ph alpha stop alpha/sink
expect_exit 0 ph alpha start sink
is alpha sink running || fail "sink does not run"
expect_exit 0 ph alpha start sink
expect_soon 10 "it flows again" holds alpha '.items[0].state == "flowing"' connections
say "stop and start: ok"

old=$(pid_of alpha sink)
expect_exit 0 ph alpha restart sink
[ "$(pid_of alpha sink)" != "$old" ] || fail "it is the same process"
is_gone "$old" || fail "$old is still there"
[ "$(ask alpha '.items[0] | .server + " " + .state' restart sink)" = "sink running" ] ||
	fail "restart --json"
ph alpha events -n 50 | grep -q "alpha: restart sink" || fail "not in the journal"
say "restart: ok"

# Given up, mended, started.
cat >"$W/crash.yaml" <<END
wiring: 1
name: crash
servers:
  crash: {exec: [sh, -c, "test -e $W/mended && exec tail -f /dev/null"]}
END
expect_exit 0 ph alpha apply "$W/crash.yaml"
expect_soon 10 "crash was given up" is alpha crash failed
[ "$(ask alpha '.items[] | select(.name == "crash").restarts' servers)" = 4 ] ||
	fail "restarts: $(ph alpha servers)"
# It has its chances again: five more starts, then it is given up once more.
expect_exit 0 ph alpha start crash
expect_soon 10 "it has its chances again" holds alpha '.items[] |
	select(.name == "crash") | .state == "failed" and .restarts == 9' servers
: >"$W/mended"
expect_exit 0 ph alpha start crash
is alpha crash running || fail "crash does not run at once"
say "a start forgives: ok"

# It waits as long as it is told: the default is longer than its start may take.
cat >"$W/slow.yaml" <<END
wiring: 1
name: slow
servers:
  slow: {exec: [tail, -f, /dev/null], ready: notify, start_timeout: 40s}
END
expect_exit 0 ph alpha apply "$W/slow.yaml"
expect_exit 0 ph alpha stop slow
begin=$(now_ms)
expect_exit 7 ph alpha start slow --timeout 200ms
expect_said "may still be done" "posthouse servers"
[ $(($(now_ms) - begin)) -lt 30000 ] || fail "--timeout is ignored"
is alpha slow starting || fail "it is not started: $(ph alpha servers)"
expect_exit 0 ph alpha unapply slow
say "a short --timeout: ok"

# Elsewhere, and by mask.
expect_exit 0 ph alpha stop beta/far
is beta far stopped || fail "far is not stopped"
is beta farther running || fail "farther does not run"
expect_exit 0 ph alpha restart --node beta --mask labels=kind=far
expect_said "restarted far" "restarted farther"
is beta far running || fail "far does not run"
expect_exit 4 ph alpha stop nobody
expect_exit 4 ph alpha stop --mask server=nobody
expect_exit 2 ph alpha stop
ph beta events -n 50 | grep -q "alpha: stop far" || fail "who did it is not in the journal"
say "on another node, by mask: ok"

# The node's next start brings back all that is declared.
expect_exit 0 ph beta stop far
node_kill beta
node_up beta
expect_soon 10 "far runs again" is beta far running
say "declared is declared: ok"
