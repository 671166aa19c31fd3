#!/bin/bash
# `queue:` of a wire bounds what waits at its output, here and to another node.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "the line is up" has_lines beta 1

# Nobody reads: what can wait, waits.
cat >"$W/queue.yaml" <<END
wiring: 1
name: queue
servers:
  near: {host: alpha, use: zero}
  far: {host: alpha, use: zero}
  plain: {host: alpha, use: zero}
  here: {host: alpha, exec: [tail, -f, /dev/null]}
  there: {host: beta, exec: [tail, -f, /dev/null]}
  usual: {host: beta, exec: [tail, -f, /dev/null]}
wires:
  - {from: near, to: here, queue: 4MiB}
  - {from: far, to: there, queue: 16MiB}
  - plain -> usual
END
limit_of() { # FROM BYTES: that is the limit, and it is used
	holds alpha "[.items[] | select(.from == \"alpha/$1:out\")
		| .queue.limit == $2 and .queue.bytes > $2 / 3
		and .queue.bytes <= $2 + 262148][0]" connections
}
expect_exit 0 ph alpha apply "$W/queue.yaml"
expect_soon 10 "4 MiB wait here" limit_of near $((4 << 20))
expect_soon 10 "16 MiB wait for beta" limit_of far $((16 << 20))
expect_soon 10 "1 MiB waits when nothing is said" limit_of plain $((1 << 20))
say "queue: done"
