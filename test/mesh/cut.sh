#!/bin/bash
# A stream that was cut is never taken for a finished one: whoever is killed in
# its middle (the sender's node, the sending program, the receiving program),
# nothing is renamed into place, the connection says failed and not end, and
# when the killed one is back the wires come back by themselves and the file is
# whole.
. "$(dirname "$0")/lib.bash"

size=$((48 << 20))
full && size=$((512 << 20))

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "the line is up" has_lines beta 1
random_file $size "$W/in"

# Nothing may stand where the file will be, whole or not.
absent() { [ ! -e "$W/out" ]; }
leftovers() { find "$W" -maxdepth 1 -name '*out*' ! -name out | grep -q .; }
no_leftovers() { ! leftovers; }
whole() { same_bytes "$W/in" "$W/out"; }
received() { # BYTES: at least so many arrived at the file
	holds alpha "[.items[] | select(.to | endswith(\"target:in\"))
		| .received.bytes][0] >= $1" connections
}
state_of() { # TO: state and reason of the connection there
	ask alpha ".items[] | select(.to | endswith(\"$1\"))
		| .state + \" \" + .reason" connections
}

# --- the sending program

# It writes half of the file, then waits on a gate to write the rest.
cat >"$W/halves" <<'END'
#!/bin/bash
# FILE SIZE GATE: half of FILE, then, once GATE is there, the rest. Who is
# killed before leaves half a stream.
head -c $(($2 / 2)) "$1"
exec {nap}<> <(:)
until [ -e "$3" ]; do read -rt 0.02 -u "$nap"; done
tail -c +$(($2 / 2 + 1)) "$1"
END
chmod +x "$W/halves"
cat >"$W/program.yaml" <<END
wiring: 1
name: program
servers:
  source: {host: alpha, exec: ["$W/halves", "$W/in", "$size", "$W/gate"]}
  target: {host: beta, use: file.write, with: {path: $W/out}}
wires:
  - source:stdout -> target:in
END
pid_of() { # NODE SERVER
	ask "$1" ".items[] | select(.name == \"$2\" and .state == \"running\")
		| .pid" servers
}
half_there() { received $((size / 2)); }
other_pid() { # NODE SERVER PID: it runs as another process
	local pid
	pid=$(pid_of "$1" "$2")
	[ -n "$pid" ] && [ "$pid" != 0 ] && [ "$pid" != "$3" ]
}

expect_exit 0 ph alpha apply "$W/program.yaml"
expect_soon 20 "half of the stream arrived" half_there
absent || fail "half a stream stands under the file's name"
pid=$(pid_of alpha source)
kill -9 "$pid"
expect_soon 10 "the killed program runs again" other_pid alpha source "$pid"
absent || fail "a killed program's stream was finished"
case $(grep -c 'connection.state .* because=end' "$W/alpha.log") in
0) ;;
*) fail "the log tells of an end that was none" ;;
esac
grep -q 'wire cut connection=' "$W/beta.log" ||
	fail "the receiver does not tell of the cut"
grep -q 'connection.state .* to=failed because=' "$W/alpha.log" ||
	fail "the connection did not say that it failed"
expect_soon 20 "half of the stream arrived again" half_there
absent || fail "two halves of two streams were put together"
: >"$W/gate"
expect_soon 30 "the file is whole in the end" whole
expect_soon 5 "reason end" all_ended alpha
no_leftovers || fail "temporary files are left: $(ls "$W")"
expect_exit 0 ph alpha unapply program
rm -f "$W/gate" "$W/out"
say "sending program: ok"

# --- the receiving program

# What it wrote when its input ended; half a stream must never end for it.
cat >"$W/keep" <<'END'
#!/bin/bash
# OUT: standard input becomes OUT when it has ended.
cat >"$1.part.$$" && mv "$1.part.$$" "$1"
END
chmod +x "$W/keep"
cat >"$W/receiver.yaml" <<END
wiring: 1
name: receiver
servers:
  source: {host: alpha, exec: ["$W/halves", "$W/in", "$size", "$W/gate"]}
  target: {host: beta, exec: ["$W/keep", "$W/out"]}
wires:
  - source:stdout -> target:stdin
END
received() {
	holds alpha "[.items[] | select(.to | endswith(\"target:stdin\"))
		| .received.bytes][0] >= $1" connections
}
expect_exit 0 ph beta apply "$W/receiver.yaml"
expect_soon 20 "half of the stream arrived" half_there
pid=$(pid_of beta target)
sender=$(pid_of alpha source)
kill -9 "$pid"
expect_soon 10 "the receiver runs again" other_pid beta target "$pid"
# What it had taken is gone with it: the sender must begin again.
expect_soon 10 "the sender runs again" other_pid alpha source "$sender"
absent || fail "half a stream was finished"
expect_soon 20 "half of the stream arrived again" half_there
: >"$W/gate"
expect_soon 30 "the file is whole in the end" whole
expect_soon 5 "reason end" all_ended alpha
rm -f "$W/out" "$W/out".part.*

# A sender that is killed must not end its receiver's input either.
expect_exit 0 ph beta unapply receiver
rm -f "$W/gate"
expect_exit 0 ph beta apply "$W/receiver.yaml"
expect_soon 20 "half of the stream arrived" half_there
kill -9 "$(pid_of alpha source)"
expect_soon 20 "half of the stream arrived again" half_there
absent || fail "a program saw the end of a cut stream"
: >"$W/gate"
expect_soon 30 "the file is whole in the end" whole
expect_exit 0 ph beta unapply receiver
rm -f "$W/gate" "$W/out" "$W/out".part.*
say "receiving program: ok"

# --- the sender's node

received() {
	holds "$seer" "[.items[] | select(.to | endswith(\"target:in\"))
		| .received.bytes][0] >= $1" connections
}
seer=alpha
expect_exit 0 ph beta apply "$W/program.yaml"
expect_soon 20 "half of the stream arrived" half_there
orphan=$(pid_of alpha source)
node_kill alpha
expect_soon 5 "the node's program went with it" is_gone_or_zombie "$orphan"
expect_soon 10 "the receiver tells of the cut" grep -q 'wire cut connection=.*from=alpha' "$W/beta.log"
absent || fail "a killed node's stream was finished"
expect_soon 5 "the temporary file went" no_leftovers
holds beta 'all(.items[]; .state != "closed" or .reason != "end")' connections ||
	fail "beta reports an end: $(state_of target:in)"
: >"$W/gate"
node_up alpha
expect_soon 30 "the wires came back and the file is whole" whole
expect_soon 5 "reason end" all_ended alpha
say "sender's node: ok"

# --- the receiver's node

expect_exit 0 ph beta unapply program
rm -f "$W/gate" "$W/out"
expect_exit 0 ph beta apply "$W/program.yaml"
expect_soon 20 "half of the stream arrived" half_there
node_kill beta
not_open() {
	holds alpha 'all(.items[]; .state != "open" and .state != "flowing"
		and .state != "idle" and .state != "closed")' connections
}
expect_soon 10 "the sender sees that the receiver is gone" not_open
absent || fail "a killed receiver finished its file"
: >"$W/gate"
node_up beta --join "$(address alpha)"
expect_soon 30 "the wires came back and the file is whole" whole
expect_soon 5 "reason end" all_ended alpha
no_leftovers || fail "temporary files are left: $(ls -A "$W")"
say "receiver's node: ok"

# --- all of a stream was taken, its work is not done

# As sort does: it writes when it has read all, and the gate is open.
cat >"$W/hold" <<'END'
#!/bin/bash
# GATE COUNT: standard input, whole, once GATE is there. COUNT grows by a line
# for each stream that was taken to its end.
all=$(mktemp)
trap 'rm -f "$all"' EXIT
cat >"$all"
echo taken >>"$2"
exec {nap}<> <(:)
until [ -e "$1" ]; do read -rt 0.02 -u "$nap"; done
cat "$all"
END
chmod +x "$W/hold"
cat >"$W/hold.yaml" <<END
wiring: 1
name: hold
servers:
  source: {host: alpha, use: file.read, with: {path: $W/in}}
  hold: {host: beta, exec: ["$W/hold", "$W/gate", "$W/taken"]}
  target: {host: beta, use: file.write, with: {path: $W/out}}
wires:
  - source:out -> hold:stdin
  - hold:stdout -> target:in
END
taken() { [ "$(wc -l <"$W/taken")" = "$1" ]; }
hold_again() {
	ph beta unapply "$1" >/dev/null 2>&1
	rm -f "$W/gate" "$W/out" "$W/taken"
	expect_exit 0 ph beta apply "$W/hold.yaml"
	expect_soon 20 "all was taken" taken 1
	! holds beta 'any(.items[]; .reason == "end")' connections ||
		fail "a stream is called consumed while its work is not done"
}
hold_again program
node_kill beta
node_up beta --join "$(address alpha)"
expect_soon 30 "the stream is sent again" taken 2
: >"$W/gate"
expect_soon 30 "whole" whole
expect_soon 10 "reason end" all_ended alpha
expect_soon 10 "reason end" all_ended beta
say "its node was killed: ok"

hold_again hold
node_kill alpha
expect_soon 10 "the cut is seen" grep -q 'wire cut .*from=alpha' "$W/beta.log"
: >"$W/gate"
expect_soon 30 "whole, though the sender is away" whole
node_up alpha
expect_soon 20 "the sender hears that all was consumed" all_ended alpha
taken 1 || fail "the work was done twice"
whole || fail "the file was touched again"
say "the sender's node was killed after its last byte: ok"

hold_again hold
node_kill alpha
node_up alpha
: >"$W/gate"
expect_soon 30 "whole" whole
expect_soon 20 "the sender hears that all was consumed" all_ended alpha
taken 1 || fail "the work was done twice"
say "and came back before it was done: ok"

# The consumer of its output is lost while it holds a whole stream: again.
sed "s/target: {host: beta/target: {host: alpha/; s/source: {host: alpha/source: {host: beta/; s/hold: {host: beta/hold: {host: gamma/" \
	"$W/hold.yaml" >"$W/around.yaml"
node_up gamma --join "$(address alpha)"
expect_soon 10 "a third node" has_lines beta 2
expect_exit 0 ph beta unapply hold
cp "$W/around.yaml" "$W/hold.yaml"
hold_again hold
node_kill alpha
node_up alpha
expect_soon 20 "the stream is sent again" taken 2
: >"$W/gate"
expect_soon 30 "whole" whole
expect_soon 20 "reason end" all_ended beta
say "its consumer was killed: ok"
