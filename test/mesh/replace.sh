#!/bin/bash
# A program between two nodes is replaced while numbers run through it as fast
# as they can: each arrives once, in order. One that does not come to run leaves
# the old one. A server that is being stopped takes nothing new meanwhile.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "a line" has_lines alpha 1

# TEXT: what the filter is from its next start on.
filter_is() {
	printf '#!/bin/sh\n%s\n' "$1" >"$W/new"
	chmod 700 "$W/new"
	mv "$W/new" "$W/filter"
}
filter_is "exec cat"
cat >"$W/check" <<'END'
$1 != n { print $1 " instead of " n >> wrong; n = $1 }
{ n++ }
n % 20000 == 0 { print n >> count; close(count) }
END
cat >"$W/row.yaml" <<END
wiring: 1
name: row
servers:
  count: {host: alpha, framing: lines, exec: [awk, "BEGIN { for (;;) print i++ + 0 }"]}
  filter: {host: beta, framing: lines, exec: [$W/filter]}
  check: {host: alpha, framing: lines, exec: [awk, -v, wrong=$W/wrong, -v, count=$W/count, -f, $W/check]}
  tick: {host: beta, use: clock}
  slow: {host: beta, drain: 60s, exec: [sh, -c, "cat >/dev/null; until [ -e $W/go ]; do sleep 0.05; done"]}
  tock: {host: beta, use: clock, with: {every: 20ms}}
  deaf: {host: beta, exec: [tail, -f, /dev/null]}
wires:
  - count -> filter -> check
  - tock -> deaf
  - tick -> slow
END
echo 0 >"$W/count"
expect_exit 0 ph alpha apply "$W/row.yaml"
taken() { tail -n 1 "$W/count"; }
grew() { [ "$(taken)" -gt "$from" ]; }
# Numbers arrive from here on, and none was wrong.
flows() {
	from=$(taken)
	expect_soon 20 "numbers arrive after $from" grew
	[ ! -e "$W/wrong" ] || fail "numbers: $(head -n 3 "$W/wrong")"
}
pid() { ask alpha '.items[] | select(.name == "filter").pid' servers --node beta; }
flows

full && rounds=100 || rounds=2
for ((i = 0; i < rounds; i++)); do
	old=$(pid)
	expect_exit 0 ph alpha restart beta/filter --replace --drain 20s
	expect_said "replaced filter"
	[ "$(pid)" != "$old" ] || fail "it is the same process"
	is_gone "$old" || fail "the old one is still there"
	flows
done
holds alpha 'all(.items[]; .state == "flowing" or .state == "blocked" or
	.state == "idle" or .state == "open")' connections ||
	fail "a connection does not stand: $(ph alpha connections)"
holds alpha '.items[] | select(.name == "filter").restarts == 0' servers --node beta ||
	fail "it counts as a restart"
say "replaced under load, nothing lost, doubled or reordered: ok"

# What does not come to run leaves the old one, and says why.
old=$(pid)
filter_is "echo no licence >&2; exit 3"
expect_exit 1 ph alpha restart beta/filter --replace
expect_said "did not come to run: exited with 3: no licence" "the old one goes on"
[ "$(pid)" = "$old" ] || fail "the old one is gone"
flows
expect_exit 5 ph alpha restart beta/tick --replace
expect_said "only a program"
expect_exit 4 ph alpha restart beta/nobody --replace
ph alpha events -n 50 --node beta | grep -q "filter is another process now" ||
	fail "the journal does not tell"
say "what does not come to run changes nothing: ok"

# A stop drains first: it finishes what it has, and takes nothing new.
ph alpha stop beta/slow >"$W/stopped" 2>&1 &
draining() {
	holds alpha '[.items[] | select(.server == "slow").draining] == [true]' guests --node beta
}
expect_soon 10 "slow is draining" draining
expect_exit 5 ph alpha reserve beta/slow:stderr
expect_said "draining, for"
[ -z "$(ask alpha '.items[].server' menu beta --mask "server=slow,free=yes")" ] ||
	fail "the menu has it as free"
[ ! -s "$W/stopped" ] || fail "it was stopped at once"
touch "$W/go"
expect_soon 10 "it is stopped" grep -q "stopped slow" "$W/stopped"
draining && fail "it drains still"
ph alpha events -n 50 --node beta | grep -q "slow drains" ||
	fail "the journal does not tell"
# It takes what it is given and reads nothing: that is told.
expect_exit 0 ph alpha stop beta/deaf
expect_said "bytes unread, which are lost"
expect_exit 0 ph alpha start beta/slow
expect_exit 0 ph alpha unapply row
say "a stop drains first: ok"
