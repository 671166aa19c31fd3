#!/bin/sh
# idle.sh: bytes of memory that a node holds which has nothing to do, and how
# often its data thread wakes up in 1,000 s.
set -eu
posthouse=${POSTHOUSE:-build/posthouse}
dir=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill "$node"; wait; rm -rf "$dir"' EXIT
"$posthouse" passphrase >"$dir/phrase" 2>/dev/null
chmod 600 "$dir/phrase"
"$posthouse" up --name idle --state "$dir/state" --http off --discovery off \
	--socket "$dir/sock" --passphrase-file "$dir/phrase" \
	--listen "unix:$dir/peers" 2>"$dir/log" &
node=$!
left=200
until "$posthouse" health --socket "$dir/sock" >/dev/null 2>&1; do
	left=$((left - 1))
	[ $left -gt 0 ] || exit 1
	sleep 0.05
done
# What was used to boot leaves after a moment of quiet.
sleep 4
switches() { awk '/^voluntary/ { print $2 }' "/proc/$node/task/$node/status"; }
before=$(switches)
sleep 10
wakeups=$((($(switches) - before) * 100))
awk -v w=$wakeups '/^VmRSS:/ { print $2 * 1024, w }' "/proc/$node/status"
