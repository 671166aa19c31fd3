#!/bin/bash
# A server that a wiring file takes away, and one whose node stops, finishes
# first: what is on its way to it comes, what it says is delivered. Numbers run
# through programs on two nodes; each arrives once, in order, to the last that
# was written.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "a line" has_lines alpha 1

# Counts until it is told to end, and notes how far it came.
cat >"$W/count" <<'END'
#!/bin/bash
n=0
trap stop=1 TERM
until [ -n "${stop-}" ]; do
	echo "$n"
	n=$((n + 1))
done
echo "$n" >"$1"
END
# Passes on to the last, and notes that it ended. What it said is with its own
# buffer until then.
cat >"$W/pass" <<'END'
#!/bin/sh
exec awk -v "note=$1" '{ print } END { print "done" >>note }'
END
chmod 700 "$W/count" "$W/pass"

# FILE: the numbers in it, each once and in order, from 0.
in_order() { awk '$1 != NR - 1 { exit 1 }' "$1"; }
# FILE NOTE: it holds all that were written.
is_whole() {
	[ -e "$2" ] || fail "the source did not say how far it came"
	in_order "$1" || fail "$1: $(awk '$1 != NR - 1 { print NR ": " $0 }' "$1" | head -n 3)"
	[ "$(wc -l <"$1")" = "$(cat "$2")" ] ||
		fail "$(wc -l <"$1") of $(cat "$2") arrived"
}
more_than() { [ "$(wc -l <"$2" 2>/dev/null || echo 0)" -gt "$1" ]; }
nothing() { holds alpha '.items == []' servers && holds alpha '.items == []' connections; }
# REVISION...: a file of these servers and wires.
file() {
	printf '%s\n' "wiring: 1" "name: row" "servers:" "$1" "wires:" "$2" >"$W/row.yaml"
}
count="  count: {host: alpha, framing: lines, exec: [$W/count, $W/counted]}"
pass="  pass: {host: beta, drain: 30s, framing: lines, exec: [$W/pass, $W/passed]}"
keep="  keep: {host: alpha, drain: 30s, framing: lines, exec: [sh, -c, 'exec cat >>$W/kept']}"
begin() {
	rm -f "$W/counted" "$W/passed" "$W/kept"
	file "$count
$pass
$keep" "  - count -> pass -> keep"
	expect_exit 0 ph alpha apply "$W/row.yaml"
	expect_soon 20 "numbers arrive" more_than 3000 "$W/kept"
}

full && rounds=20 || rounds=2
for ((i = 0; i < rounds; i++)); do
	begin
	expect_exit 0 ph alpha unapply row
	expect_soon 20 "all have gone" nothing
	is_whole "$W/kept" "$W/counted"
	[ "$(cat "$W/passed")" = "done" ] || fail "pass did not come to its end"
done
say "unapply loses nothing: ok"

# The same by a file that has other servers.
begin
file "  tick: {host: beta, use: clock}
  hole: {host: alpha, use: 'null'}" "  - tick -> hole"
expect_exit 0 ph alpha apply "$W/row.yaml"
others() { holds alpha '[.items[].name] | sort == ["hole", "tick"]' servers; }
expect_soon 20 "all have gone" others
is_whole "$W/kept" "$W/counted"
say "a file that has others loses nothing: ok"
expect_exit 0 ph alpha unapply row

# A changed file: the program that changed gives its place to the next between
# two messages. No other notices, and every number comes.
pids() { ask alpha '.items[] | select(.name != "pass").pid' servers | xargs; }
begin
pids=$(pids)
turn=0
cp "$W/pass" "$W/pass2"
changed="  pass: {host: beta, drain: 30s, framing: lines, exec: [$W/pass2, $W/passed]}"
for ((i = 0; i < rounds; i++)); do
	for now in "$changed" "$pass"; do
		had=$(wc -l <"$W/kept")
		file "$count
$now
$keep" "  - count -> pass -> keep"
		expect_exit 0 ph alpha apply "$W/row.yaml"
		expect_soon 20 "the other one runs" holds alpha \
			"[.items[] | select(.name == \"pass\" and .state == \"running\").restarts] == [$((++turn))]" servers
		expect_soon 20 "numbers arrive" more_than $((had + 2000)) "$W/kept"
		[ "$(wc -l <"$W/passed")" = $turn ] || fail "who passed on was not told to end"
	done
done
[ "$(pids)" = "$pids" ] || fail "others were started again: $(pids), not $pids"
expect_exit 0 ph alpha unapply row
expect_soon 20 "all have gone" nothing
is_whole "$W/kept" "$W/counted"
say "a program that a file changes loses nothing: ok"

# With a filter in a wire: what is in the filter comes, too, and nothing passes
# by it. It keeps back what it was given until its stream ends.
cat >"$W/filters.yaml" <<END
wiring: 1
name: filters
servers:
  mark: {host: alpha, framing: lines, exec: [awk, '{ print \$0 " marked" } END { print NR >"$W/seen" }']}
END
expect_exit 0 ph alpha apply "$W/filters.yaml"
id_of() { ask alpha ".items[] | select(.from == \"alpha/$1:stdout\").id" connections; }
put_in() {
	rm -f "$W/seen"
	expect_soon 10 "mark is in" ph alpha interpose "$(id_of count)" mark
	expect_soon 20 "what is marked arrives" grep -q marked "$W/kept"
}
# From the first that is marked on all are, and all that the filter saw came.
all_marked() {
	[ "$(cat "$W/seen")" = "$(grep -c marked "$W/kept")" ] ||
		fail "mark saw $(cat "$W/seen"), $(grep -c marked "$W/kept") came"
	awk '/marked/ { on = 1 } on && !/marked/ { exit 1 }' "$W/kept" ||
		fail "some went by the filter"
}
nothing_else() {
	holds alpha '[.items[].name] == ["mark"]' servers && holds alpha '.items == []' connections
}
for ((i = 0; i < rounds; i++)); do
	begin
	put_in
	expect_exit 0 ph alpha unapply row
	expect_soon 20 "all have gone" nothing_else
	is_whole "$W/kept" "$W/counted"
	all_marked
done
say "unapply of a wire with a filter loses nothing: ok"

# The source stays, and what comes behind the filter goes.
others() { holds alpha '[.items[].name] | sort == ["count", "mark"]' servers; }
for ((i = 0; i < rounds; i++)); do
	begin
	put_in
	file "$count" ""
	sed -i /^wires/d "$W/row.yaml"
	expect_exit 0 ph alpha apply "$W/row.yaml"
	expect_soon 20 "the others have gone" others
	in_order "$W/kept" || fail "kept is not in order"
	all_marked
	[ "$(cat "$W/passed")" = "done" ] || fail "pass did not come to its end"
	grep "\.cut" "$W/alpha.log" "$W/beta.log" && fail "something was cut"
	expect_exit 0 ph alpha unapply row
	expect_soon 20 "all have gone" nothing_else
done
expect_exit 0 ph alpha unapply filters
say "a consumer behind a filter that is taken away: ok"

# A consumer alone: what the wire had taken it gets, and nothing after that.
begin
file "$count
$pass" "  - count -> pass"
expect_exit 0 ph alpha apply "$W/row.yaml"
gone() { holds alpha '[.items[].name] | index("keep") == null' servers; }
expect_soon 20 "keep has gone" gone
in_order "$W/kept" || fail "kept is not in order"
more_than 3000 "$W/kept" || fail "too few"
expect_exit 0 ph alpha unapply row
expect_soon 20 "all have gone" nothing
say "a consumer that is taken away: ok"

# While it leaves nothing new can be wired to it, and its commit did not wait.
cat >"$W/slow.yaml" <<END
wiring: 1
name: slow
servers:
  slow: {host: beta, drain: 60s, exec: [sh, -c, "cat >/dev/null; until [ -e $W/go ]; do sleep 0.05; done"]}
END
expect_exit 0 ph alpha apply "$W/slow.yaml"
expect_soon 10 "slow runs" holds alpha '[.items[].state] == ["running"]' servers
expect_exit 0 ph alpha unapply slow
cat >"$W/fed.yaml" <<END
wiring: 1
name: fed
servers:
  tick: {host: beta, use: clock}
  slow: {host: beta, drain: 60s, exec: [sh, -c, "cat >/dev/null; until [ -e $W/go ]; do sleep 0.05; done"]}
wires:
  - tick -> slow
END
expect_soon 10 "slow has gone" nothing
expect_exit 0 ph alpha apply "$W/fed.yaml"
expect_soon 10 "it is wired" holds alpha \
	'[.items[] | .state] | all(. == "flowing" or . == "idle" or . == "open")' connections
expect_exit 0 ph alpha unapply fed
draining() {
	holds alpha '[.items[] | select(.server == "slow").draining] == [true]' guests --node beta
}
expect_soon 10 "slow is draining" draining
expect_exit 5 ph alpha reserve beta/slow:stderr
expect_said "draining, for"
touch "$W/go"
expect_soon 10 "all have gone" nothing
say "who leaves takes nothing new: ok"

# Many at once: none waits for what another one was to be told first.
file "$(for i in {1..150}; do
	echo "  c$i: {host: alpha, use: clock, with: {every: 10s}}"
	echo "  n$i: {host: alpha, use: 'null'}"
done)" "$(for i in {1..150}; do echo "  - c$i -> n$i"; done)"
expect_exit 0 ph alpha apply "$W/row.yaml"
stand() {
	holds alpha '[.items[] | select(.state | IN("open", "idle", "flowing"))] |
		length == 150' connections
}
expect_soon 20 "all stand" stand
expect_exit 0 ph alpha unapply row
expect_soon 30 "all have gone" nothing
grep "leave\.cut" "$W/alpha.log" && fail "some waited for their time"
say "many at once: ok"

# Wires of one output that are taken away in the middle of a message: each gets
# the whole of it, though all wait for the same end.
cat >"$W/big" <<'END'
#!/bin/sh
part() { head -c 700000 /dev/zero | tr '\0' "$1"; }
part a
until [ -e "$1.go" ]; do sleep 0.05; done
part b
echo
exec tail -f /dev/null
END
chmod 700 "$W/big"
taker() { echo "  $1: {host: alpha, drain: 30s, exec: [sh, -c, 'exec cat >>$W/$1']}"; }
big="  big: {host: alpha, framing: lines, exec: [$W/big, $W/big], out: {stdout: {kind: mux}}}
$(taker three)"
has() { [ "$(stat -c %s "$W/$1" 2>/dev/null || echo 0)" -ge "$2" ]; }
file "$big
$(taker one)
$(taker two)" "  - big -> one
  - big -> two
  - big -> three"
expect_exit 0 ph alpha apply "$W/row.yaml"
expect_soon 10 "the message has begun" has two 500000
file "$big" "  - big -> three"
expect_exit 0 ph alpha apply "$W/row.yaml"
parting() {
	holds alpha '[.items[] | select(.state == "draining").to] | sort ==
		["alpha/one:stdin", "alpha/two:stdin"]' connections
}
expect_soon 10 "both wait for its end" parting
touch "$W/big.go"
for taker in one two three; do
	expect_soon 10 "$taker has the whole message" has $taker 1400001
done
expect_exit 0 ph alpha unapply row
expect_soon 20 "all have gone" nothing
say "wires that are taken away within a message: ok"

# The same with a filter in one of them: each waits for itself.
cat >"$W/late" <<END
#!/bin/sh
until [ -e "$W/begin" ]; do sleep 0.05; done
exec $W/big $W/late
END
chmod 700 "$W/late"
rm -f "$W/one" "$W/two" "$W/three"
big="  big: {host: alpha, framing: lines, exec: [$W/late, $W/late], out: {stdout: {kind: mux}}}
  mark: {host: alpha, framing: lines, exec: [awk, '{ print; fflush() }']}
$(taker three)"
file "$big
$(taker one)
$(taker two)" "  - big -> one
  - big -> two
  - big -> three"
expect_exit 0 ph alpha apply "$W/row.yaml"
to_one() { ask alpha '.items[] | select(.to == "alpha/one:stdin").id' connections; }
expect_soon 10 "mark is in" ph alpha interpose "$(to_one)" mark
touch "$W/begin"
expect_soon 10 "the message has begun" has two 500000
file "$big" "  - big -> three"
expect_exit 0 ph alpha apply "$W/row.yaml"
expect_soon 10 "both wait for its end" parting
touch "$W/late.go"
for taker in one two three; do
	expect_soon 10 "$taker has the whole message" has $taker 1400001
done
expect_exit 0 ph alpha unapply row
expect_soon 20 "all have gone" nothing
say "and one of them with a filter: ok"

# A node that stops: what it had acknowledged is delivered. The end of the row
# hears of a stream that is cut; it is told to end, and reads all the same.
keep="  keep: {host: alpha, drain: 30s, framing: lines, exec: [sh, -c, 'trap \"\" TERM; exec cat >>$W/kept']}"
begin
keeper() { ask alpha '.items[] | select(.name == "keep").pid' servers; }
acked() { ask alpha '.items[] | select(.from == "alpha/count:stdout").received.messages' connections; }
keeper=$(keeper)
from=$(now_ms)
node_stop beta || fail "beta ended with $?"
say "beta stopped in $(($(now_ms) - from)) ms"
[ "$(cat "$W/passed")" = "done" ] || fail "pass did not come to its end"
grep -q "stop.cut\|leave.cut\|end.cut" "$W/beta.log" &&
	fail "it had to cut: $(grep "\.cut" "$W/beta.log")"
expect_soon 10 "keep has ended" is_gone "$keeper"
in_order "$W/kept" || fail "kept is not in order: $(awk '$1 != NR - 1 { print NR ": " $0 }' "$W/kept" | head -n 3)"
acked=$(acked)
[ "$acked" -gt 1000 ] || fail "alpha says $acked were acknowledged"
[ "$(wc -l <"$W/kept")" -ge "$acked" ] ||
	fail "$(wc -l <"$W/kept") arrived of $acked that were acknowledged"
say "a node that stops: ok"

# The first of the row stops: all that it wrote arrives.
node_up beta
expect_soon 20 "a line" has_lines alpha 1
ph alpha unapply row >/dev/null 2>&1
expect_soon 20 "all have gone" nothing
count="  count: {host: beta, framing: lines, exec: [$W/count, $W/counted]}"
pass="  pass: {host: beta, drain: 30s, framing: lines, exec: [$W/pass, $W/passed]}"
begin
keeper=$(keeper)
node_stop beta || fail "beta ended with $?"
expect_soon 10 "keep has ended" is_gone "$keeper"
is_whole "$W/kept" "$W/counted"
say "a source whose node stops: ok"

# A node that stops while one of its servers leaves: that finishes all the same.
cat >"$W/last" <<'END'
#!/bin/bash
trap "" TERM
all=$(cat)
: >"$1.has"
until [ -e "$1.go" ]; do sleep 0.05; done
echo "$all"
END
chmod 700 "$W/last"
node_up gamma --join "$(address alpha)"
has_gamma() { holds alpha 'any(.items[]; .node == "gamma" and .line == "up")' peers; }
expect_soon 20 "a line" has_gamma
rm -f "$W/counted" "$W/kept"
file "  first: {host: alpha, framing: lines, exec: [$W/count, $W/counted]}
  last: {host: gamma, drain: 15s, framing: lines, exec: [$W/last, $W/last]}
  rest: {host: alpha, drain: 30s, framing: lines, exec: [sh, -c, 'trap \"\" TERM; exec cat >>$W/kept']}" \
	"  - first -> last -> rest"
sed -i 's/^name: row/name: end/' "$W/row.yaml"
expect_exit 0 ph alpha apply "$W/row.yaml"
some() {
	holds alpha 'any(.items[]; .to == "gamma/last:stdin" and
		.received.messages > 100)' connections
}
expect_soon 20 "numbers arrive" some
expect_exit 0 ph alpha unapply end
has_all() { [ -e "$W/last.has" ]; }
expect_soon 20 "the last one has them all" has_all
stops() { grep -q "node stopping" "$W/gamma.log"; }
(await 20 stops && touch "$W/last.go") &
node_stop gamma || fail "gamma ended with $?"
has_kept() { [ "$(wc -l <"$W/kept")" = "$(cat "$W/counted")" ]; }
expect_soon 10 "all have come" has_kept
is_whole "$W/kept" "$W/counted"
say "a node that stops while a server of it leaves: ok"

# One that was fed by hand, and could pass nothing on: who fed it has let go, so
# nobody is waited for.
cat >"$W/pile.yaml" <<END
wiring: 1
name: pile
servers:
  tick: {host: alpha, use: clock, with: {every: 20ms}}
  pile: {host: alpha, use: lines}
END
piles() { # MANY: of its servers
	holds alpha "[.items[] | select(.scope == \"pile\")] | length == $1" servers
}
by_hand() { ask alpha '.items[] | select(.to == "alpha/pile:in").queue.bytes' connections; }
is_given() { [ "$(by_hand)" -gt 0 ]; }
is_let_go() { [ -z "$(by_hand)" ]; }
expect_exit 0 ph alpha apply "$W/pile.yaml"
expect_exit 0 ph alpha connect tick:out pile:in
expect_soon 10 "it is given something" is_given
expect_exit 0 ph alpha revert all
expect_soon 10 "the wire is gone" is_let_go
expect_exit 0 ph alpha unapply pile
expect_within 3 "pile has gone, too" piles 0
grep -q 'leave.cut server=pile because="nobody takes' "$W/alpha.log" ||
	fail "$(grep leave.cut "$W/alpha.log")"
say "one that nothing feeds is not waited for: ok"
