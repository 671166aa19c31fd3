#!/bin/sh
# watch.sh BENCH BYTES WATCHERS: carries `BENCH source BYTES` over a node to
# `BENCH sink` while so many watch /v1/watch; says "bytes ns", or why it cannot.
#
# watch.sh BENCH count WATCHERS: says how many instructions the data thread
# takes in a second in which it does nothing else, with so many watching a
# connection, as callgrind counts them.
set -eu
bench=$1 bytes=$2 watchers=$3
. "${0%/*}/room.sh"

ask() { "$posthouse" "$@" --socket "$dir/sock" --timeout 20s 2>>"$dir/said"; }

# COMMAND...: before the node, or nothing.
node() {
	"$@" "$posthouse" up --name alpha --state "$dir/state" --http 127.0.0.1:0 \
		--discovery off --socket "$dir/sock" \
		--passphrase-file "$dir/phrase" --listen "unix:$dir/peers" \
		2>"$dir/log" &
	node=$!
	children="$children $node"
	until_true "the node does not start" 60 ask ready
}

watch() {
	[ "$watchers" -gt 0 ] || return 0
	page=$(ask status --json | sed 's/.*"http":\["\([^"]*\)".*/\1/')
	"$bench" watch "${page##*:}" "$watchers" "$dir/seen" &
	children="$children $!"
	until_true "nobody could watch" 60 test -e "$dir/seen"
}

# SOURCE: the wiring, its source and where it goes.
wire() {
	cat >"$dir/wiring.yaml" <<-WIRING
		wiring: 1
		name: bench
		servers:
		  source: $1
		  sink: $2
		wires:
		  - source:$3 -> sink:$4
	WIRING
	ask apply "$dir/wiring.yaml" >/dev/null ||
		cannot "apply: $(tail -n 1 "$dir/said")"
}

run_stream() {
	node
	watch
	# What it gives back after its boot (node/slim.h) is no watcher's doing.
	sleep 3
	wire "{exec: [\"$bench\", source, \"$bytes\"], restart: never}" \
		"{exec: [\"$bench\", sink, \"$dir/result\"], restart: never}" \
		stdout stdin
	until_true "the stream did not end" 60 test -e "$dir/result"
	cat "$dir/result"
}

# So long that what it takes to begin and to end is little.
SECONDS_COUNTED=15

run_count() {
	command -v valgrind >/dev/null || cannot "valgrind is not installed"
	node valgrind --tool=callgrind --separate-threads=yes \
		--instr-atstart=no --callgrind-out-file="$dir/calls"
	wire "{use: clock, with: {every: 1h}}" "{use: \"null\"}" out in
	watch
	callgrind_control --instr=on "$node" >/dev/null 2>&1 ||
		cannot "callgrind does not begin"
	sleep "$SECONDS_COUNTED"
	callgrind_control --instr=off "$node" >/dev/null 2>&1
	callgrind_control --dump "$node" >/dev/null 2>&1
	until_true "callgrind says nothing" 20 test -s "$dir/calls.1-01"
	awk -v s="$SECONDS_COUNTED" '/^(totals|summary):/ { n = $2 }
		END { printf "%d %d\n", n / s, s }' "$dir/calls.1-01"
}

phrase
if [ "$bytes" = count ]; then
	run_count
else
	run_stream
fi
