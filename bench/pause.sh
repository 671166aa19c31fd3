#!/bin/bash
# pause.sh BENCH COUNT: a filter is put into a stream at full rate and taken
# out again until its reader has seen COUNT edges; says "p50 p99" of the pauses
# in ns, or why it cannot.
set -eu
bench=$1 count=$2
. "${0%/*}/room.sh"
ask() { "$posthouse" "$@" --socket "$dir/sock" 2>>"$dir/said"; }
phrase
"$posthouse" up --name alpha --state "$dir/state" --http off --discovery off \
	--socket "$dir/sock" --passphrase-file "$dir/phrase" \
	--listen "unix:$dir/peers" 2>"$dir/log" &
children=$!
until_true "the node does not start" 10 ask health
cat >"$dir/wiring.yaml" <<WIRING
wiring: 1
name: pause
servers:
  source: {exec: ["$bench", fill]}
  sink: {exec: ["$bench", edges, "$dir/result", "$count"]}
  flip: {exec: ["$bench", flip]}
wires:
  - source:stdout -> sink:stdin
WIRING
ask apply "$dir/wiring.yaml" >/dev/null || cannot "$(tail -n 1 "$dir/said")"
id=
for _ in $(seq 200); do
	id=$(ask connections --json | grep -o 'alpha#[0-9.]*' | head -n 1) || :
	[ -z "$id" ] || break
	sleep 0.05
done
tries=0
until [ -e "$dir/result" ]; do
	tries=$((tries + 1))
	[ $tries -lt $((20 * count)) ] || cannot "$(tail -n 1 "$dir/said")"
	# A filter that has just left may not be free yet.
	ask interpose "$id" flip >/dev/null || continue
	ask withdraw "$id" flip >/dev/null || :
done
cat "$dir/result"
