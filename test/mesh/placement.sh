#!/bin/bash
# Location transparency: the same server, unchanged, on the node's loop, on a
# thread, in a process and on another node gives the same output. And a server
# in a process of its own may die without its node.
. "$(dirname "$0")/lib.bash"

lines=200000
full && lines=4000000

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "a line" has_lines alpha 1
seq -f 'line %.0f of many, and some words to make it longer' $lines >"$W/in"

# ROW HOST PLACEMENT
row_file() {
	cat >"$W/$1.yaml" <<-END
		wiring: 1
		name: row-$1
		servers:
		  source-$1: {host: alpha, use: file.read, with: {path: $W/in},
		    placement: $3}
		  lines-$1: {host: $2, use: lines, placement: $3}
		  bytes-$1: {host: alpha, exec: [cat]}
		  target-$1: {host: alpha, use: file.write, placement: $3,
		    with: {path: $W/out.$1}}
		wires:
		  - source-$1:out -> lines-$1:in
		  - lines-$1:out -> bytes-$1:stdin
		  - bytes-$1:stdout -> target-$1:in
	END
}

# ROW: of its bundled servers here, in order.
placements() {
	ask alpha "[.items[] | select(.kind == \"bundled\" and
		(.name | endswith(\"-$1\"))) | .placement] | join(\" \")" servers
}

# NODE ROW: all of the row's connections that this node owns have ended.
row_ended() {
	holds "$1" "[.items[] | select(.from | test(\"-$2:\"))] |
		length > 0 and all(.[]; .state == \"closed\" and
		.reason == \"end\")" connections
}

for row in loop:alpha:loop thread:alpha:thread process:alpha:process \
	remote:beta:loop; do
	IFS=: read -r name host placement <<<"$row"
	row_file "$name" "$host" "$placement"
	begin=$(now_ms)
	expect_exit 0 ph alpha apply "$W/$name.yaml"
	expect_soon 30 "$name: the file is there" test -e "$W/out.$name"
	say "$name: $(($(stat -c %s "$W/in") >> 20)) MiB in" \
		"$(($(now_ms) - begin)) ms"
	same_bytes "$W/in" "$W/out.$name" ||
		fail "$name: what came out is not what went in"
	expect_soon 10 "$name: its connections ended" row_ended alpha "$name"
	said=$(placements "$name")
	[ "$said" = "$placement $placement $placement" ] ||
		fail "$name: servers say '$said'"
	# Every line was a message of its own, wherever lines ran.
	ask "$host" ".items[] | select(.from | test(\"lines-$name:\")) |
		.sent.messages" connections >"$W/messages"
	[ "$(cat "$W/messages")" = $lines ] ||
		fail "$name: $(cat "$W/messages") messages of $lines"
done

# A server in a process that is killed: told at once, its node serves, the
# stream comes again as a whole.
cat >"$W/crash.yaml" <<END
wiring: 1
name: crash
servers:
  endless: {host: alpha, use: zero, placement: process, restart: always}
  void: {host: alpha, use: null}
wires:
  - endless:out -> void:in
END
expect_exit 0 ph alpha apply "$W/crash.yaml"
pid_now() { ask alpha '.items[] | select(.name == "endless") | .pid' servers; }
has_flowed() {
	holds alpha '.items[] | select(.from | test("endless:")) |
		.state == "flowing" and .received.bytes > 1000000' connections
}
expect_soon 10 "it flows" has_flowed
old=$(pid_now)
[ "$old" -gt 1 ] || fail "a server in a process has no pid"
kill -9 "$old"
expect_soon 2 "it is seen" holds alpha '.items[] |
	select(.name == "endless") | .restarts == 1 or .state == "backoff"' \
	servers
# Down to the end of the process: nothing of it is left.
expect_soon 10 "it runs again" holds alpha ".items[] |
	select(.name == \"endless\") | .state == \"running\" and .pid != $old" \
	servers
expect_soon 10 "it flows again" has_flowed
expect_exit 0 ph alpha health
# No secrets and no descriptors of the node are inherited.
new=$(pid_now)
tr '\0' '\n' <"/proc/$new/environ" | grep -qi 'passphrase' &&
	fail "the server's environment names the passphrase"
for fd in "/proc/$new/fd"/*; do
	case $(readlink "$fd") in
	*posthouse.db* | *phrase* | *key* | *.sock)
		fail "the server inherited $(readlink "$fd")" ;;
	esac
done
expect_exit 0 ph alpha unapply crash
expect_soon 5 "its process is gone" is_gone_or_zombie "$new"

# What may stand where.
cat >"$W/bad.yaml" <<END
wiring: 1
name: bad
servers:
  cat: {exec: [cat], placement: thread}
END
expect_exit 78 ph alpha apply "$W/bad.yaml"
expect_said "always a process" "bad.yaml:4:"
node_stop alpha || fail "alpha ended with $?"
node_stop beta || fail "beta ended with $?"
say "placement: done"
