#!/bin/bash
# What the output's end counts and what the input's end counts is the same when
# a stream has ended, and is what was sent: half a gigabyte towards another node
# and the same within one (the long dose: 10 GB).
. "$(dirname "$0")/lib.bash"

bytes=$((512 << 20))
full && bytes=10000000000

new_phrase
node_up alpha --http off
node_up beta --join "$(address alpha)" --http off
expect_soon 10 "line" has_lines alpha 1
cat >"$W/equal.yaml" <<END
wiring: 1
name: equal
servers:
  near: {host: alpha, use: zero, with: {bytes: "$bytes"}}
  far: {host: alpha, use: zero, with: {bytes: "$bytes"}}
  here: {host: alpha, use: "null"}
  there: {host: beta, use: "null"}
wires:
  - near:out -> here:in
  - far:out -> there:in
END
begin=$(now_ms)
ph alpha apply "$W/equal.yaml" >/dev/null || fail "apply"
expect_soon 600 "both ended" all_ended alpha
ph alpha connections --json >"$W/out" || fail "connections"
jq -e "(.items | length) == 2 and all(.items[];
	.sent.bytes == $bytes and .received == .sent and .dropped.bytes == 0 and
	.queue.bytes == 0)" "$W/out" >/dev/null ||
	fail "the ends differ: $(jq -c '.items[] | [.from, .sent, .received,
		.dropped, .queue]' "$W/out")"
say "$bytes bytes, twice, in $(($(now_ms) - begin)) ms: both ends say so"
