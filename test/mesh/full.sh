#!/bin/bash
# `on_full:` of a wire: one consumer of a mux stands still, here and at another
# node; the others get everything, and what was dropped is counted.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "the line is up" has_lines beta 1

cat >"$W/full.yaml" <<END
wiring: 1
name: full
servers:
  much: {host: alpha, use: zero, out: {out: {kind: mux}}}
  here: {host: alpha, exec: [tail, -f, /dev/null]}
  there: {host: beta, exec: [tail, -f, /dev/null]}
  all: {host: beta, use: null}
wires:
  - {from: much:out, to: here, on_full: latest}
  - {from: much:out, to: there, on_full: drop-oldest, queue: 2MiB}
  - {from: much:out, to: all, on_full: block}
END
dropped_to() { # TO: much was dropped, and what waits is bounded
	holds alpha "[.items[] | select(.to == \"$1\")
		| .dropped.bytes > 64000000 and .dropped.messages > 250
		and .queue.bytes <= .queue.limit + 64][0]" connections
}
flows_to() { # TO: nothing was dropped, and much came
	holds alpha "[.items[] | select(.to == \"$1\")
		| .dropped.bytes == 0 and .received.bytes > 200000000][0]" \
		connections
}
expect_exit 0 ph alpha apply "$W/full.yaml"
expect_soon 20 "who blocks gets everything" flows_to beta/all:in
expect_soon 10 "the one here skipped" dropped_to alpha/here:stdin
expect_soon 10 "the one there skipped" dropped_to beta/there:stdin
say "full: done"
