#!/bin/bash
# A filter is put into a stream that flows and taken out again, here and
# towards another node: nothing lost, doubled or reordered; and what becomes of
# the stream when the filter is killed.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "the line is up" has_lines beta 1

# `numbers` counts as fast as it is let, until it is told to stop.
cat >"$W/count" <<'END'
#!/bin/bash
n=0
while [ ! -e "$1" ]; do
	end=$((n + 100))
	while [ $n -lt $end ]; do
		n=$((n + 1))
		echo "line $n"
	done
done
END
chmod +x "$W/count"
cat >"$W/interpose.yaml" <<END
wiring: 1
name: interpose
servers:
  near: {host: alpha, exec: [$W/count, $W/stop], framing: lines}
  far: {host: alpha, exec: [$W/count, $W/stop], framing: lines}
  here: {host: alpha, use: file.write, with: {path: $W/here}}
  there: {host: beta, use: file.write, with: {path: $W/there}}
  lines: {host: alpha, use: lines}
  upper: {host: alpha, exec: [tr, a-z, A-Z], framing: lines}
  copy: {host: alpha, exec: [cat], framing: lines}
  many: {host: alpha, use: clock}
wires:
  - near:stdout -> here
  - far:stdout -> there
END
expect_exit 0 ph alpha apply "$W/interpose.yaml"
id_of() { ask alpha ".items[] | select(.from == \"alpha/$1:stdout\").id" \
	connections; }
expect_soon 10 "both are open" holds alpha '(.items | length) == 2 and
	all(.items[]; .received.messages > 0)' connections
NEAR=$(id_of near)
FAR=$(id_of far)
item() { echo "[.items[] | select(.id == \"$1\")][0]"; }
flows() { holds alpha "$(item "$1").state == \"flowing\"" connections; }
moved() { # ID: more has come through than before
	local now
	now=$(ask alpha "$(item "$1").received.messages" connections)
	[ "$now" -gt "$2" ]
}
more() {
	expect_soon 20 "$1 moves on" moved "$1" \
		"$(ask alpha "$(item "$1").received.messages" connections)"
}

# What is refused, and says why.
expect_exit 4 ph alpha interpose "alpha#9.9" lines
expect_exit 4 ph alpha interpose "$NEAR" nobody
expect_exit 78 ph alpha interpose "$NEAR" many
expect_said "one \`in\` and one \`out\`"
expect_exit 78 ph alpha interpose "$NEAR" here
expect_exit 78 ph alpha interpose "$NEAR" beta/there
expect_exit 0 ph alpha interpose "$NEAR" lines
expect_exit 5 ph alpha interpose "$FAR" lines
expect_exit 0 ph alpha withdraw "$NEAR" lines
expect_exit 4 ph alpha withdraw "$NEAR" lines
expect_exit 2 ph alpha interpose "$NEAR"
expect_exit 2 ph alpha interpose "$NEAR" lines --on-crash explode

rounds=3
full && rounds=100
put_in_and_out() { # ID FILTER
	expect_soon 10 "$2 comes into $1" ph alpha interpose "$1" "$2"
	more "$1"
	holds alpha "$(item "$1") | .via == [\"$2\"] and
		.override.interpose == \"$2\" and .override.state == \"in\" and
		.override.on_crash == \"block\" and .override.who == \"alpha\"
		" connections || fail "the views do not show $2 in $1"
	expect_exit 5 ph alpha interpose "$1" lines
	expect_exit 0 ph alpha withdraw "$1" "$2"
	expect_said "$2 is out of $1"
	more "$1"
	holds alpha "$(item "$1") | .via == [] and .override == null" \
		connections || fail "the views still show $2 in $1"
}
for ((n = 0; n < rounds; n++)); do
	for filter in lines upper copy; do
		put_in_and_out "$NEAR" $filter
		put_in_and_out "$FAR" $filter
	done
done
holds alpha 'all(.items[]; .generation == 1 and .failures == 0)' connections ||
	fail "a connection was opened anew"

# Shown wherever one looks, and taken out with all that was done by hand.
expect_exit 0 ph alpha interpose "$NEAR" upper
ph alpha diff >"$W/said"
expect_said "upper is in it; posthouse withdraw $NEAR upper"
ph alpha topology >"$W/said"
expect_said "through upper"
! grep -q '  upper .*not wired' "$W/said" || fail "$(cat "$W/said")"
expect_exit 0 ph alpha revert all
expect_said "withdrew upper from $NEAR"
expect_exit 0 ph alpha diff
expect_said "nothing differs"
more "$NEAR"

# Killed: bypassed, the loss told as a gap.
pid_of() { ask alpha ".items[] | select(.name == \"$1\").pid" servers; }
runs() { [ "$(pid_of "$1")" -gt 0 ]; }
expect_exit 0 ph alpha interpose "$FAR" copy --on-crash bypass
more "$FAR"
expect_soon 5 "copy runs" runs copy
kill -9 "$(pid_of copy)"
expect_soon 5 "copy is bypassed" holds alpha "$(item "$FAR") |
	.override.state == \"bypassed\" and .via == []" connections
more "$FAR"
expect_exit 0 ph alpha withdraw "$FAR" copy

# Killed: held, until the filter runs again; then withdrawn.
expect_exit 0 ph alpha interpose "$NEAR" upper
more "$NEAR"
expect_soon 5 "upper runs" runs upper
kill -STOP "$(pid_of upper)"
expect_soon 20 "near is blocked" holds alpha \
	"$(item "$NEAR").state == \"blocked\"" connections
expect_exit 7 ph alpha withdraw "$NEAR" upper
expect_said "has not passed on"
holds alpha "$(item "$NEAR").override.state == \"draining\"" connections ||
	fail "it does not show that it drains: $(ask alpha "$(item "$NEAR") |
		[.state, .override]" connections)"
kill -CONT "$(pid_of upper)"
expect_soon 10 "upper is out" holds alpha \
	"$(item "$NEAR").override == null" connections
expect_soon 10 "upper may come again" ph alpha interpose "$NEAR" upper
more "$NEAR"
kill -9 "$(pid_of upper)"
expect_soon 5 "upper came back" holds alpha "$(item "$NEAR") |
	.override.state == \"in\" and .override.lost.messages >= 0 and
	.dropped.messages == .override.lost.messages" connections
more "$NEAR"
expect_exit 0 ph alpha withdraw "$NEAR" upper

# To the end: what GAPs count and what came are what was sent.
DROPPED_NEAR=$(ask alpha "$(item "$NEAR").dropped.messages" connections)
DROPPED_FAR=$(ask alpha "$(item "$FAR").dropped.messages" connections)
touch "$W/stop"
expect_soon 30 "both streams ended" all_ended alpha
check() { # FILE LOST: in order, none twice, that many missing, of the lines
	tr '[:lower:]' '[:upper:]' <"$1" | awk -v lost="$2" '
		!/^LINE [0-9]+$/ || $2 <= last { print "odd:", NR, $0; exit 1 }
		{ missing += $2 - last - 1; last = $2 }
		END { if (missing != lost) { print missing, "missing, not",
			lost; exit 1 } }'
}
check "$W/there" "$DROPPED_FAR" || fail "beta's file"
check "$W/here" "$DROPPED_NEAR" || fail "alpha's file"
say "interpose: $(wc -l <"$W/here") and $(wc -l <"$W/there") lines, lost" \
	"$DROPPED_NEAR and $DROPPED_FAR"
