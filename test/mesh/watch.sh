#!/bin/bash
# Whoever watches over HTTP sees what changed at another node because that node
# says so, not because it is asked once a second: a wire is laid at one node and
# taken away again, and watchers at the others see it.
. "$(dirname "$0")/lib.bash"

command -v python3 >/dev/null || skip "no python3"
others=2 changes=12
full && others=8 changes=60

cat >"$W/watch.py" <<'END'
"""POSTHOUSE SOCKET CHANGES URL...: makes changes at the node of that socket,
each when all watchers have seen the one before; ms from the end of the command
until the first, the last of them saw it."""
import http.client
import json
import queue
import subprocess
import sys
import threading
import time

posthouse, socket, changes, *urls = sys.argv[1:]
seen = queue.Queue()
news = set()


def watch(at, url):
    host = url.split('//')[1].rstrip('/')
    link = http.client.HTTPConnection(host)
    link.request('GET', '/v1/watch', headers={'Accept': 'application/x-ndjson'})
    answer = link.getresponse()
    had = None
    for line in answer:
        event = json.loads(line)
        if event['event'] == 'news' and 'alpha' in event['data']['nodes']:
            news.add(at)
        if event['event'] != 'flows':
            continue
        has = any(item['from'] == 'alpha/c:out' and item['state'] != 'draining'
                  for item in event['data']['items'])
        if has != had:
            seen.put((at, has, time.monotonic()))
        had = has


def until_all_see(wanted):
    missing = set(range(len(urls)))
    times = []
    while missing:
        at, has, when = seen.get(timeout=20)
        if has == wanted:
            missing.discard(at)
            times.append(when)
    return times


def ask(*words):
    done = subprocess.run([posthouse, *words, '--json', '--socket', socket],
                          capture_output=True, check=True, text=True)
    return json.loads(done.stdout)['items'][0]


for at, url in enumerate(urls):
    threading.Thread(target=watch, args=(at, url), daemon=True).start()
until_all_see(False)
change = {}
for number in range(int(changes)):
    begun = time.monotonic()
    if number % 2:
        ask('revert', change['override'])
    else:
        change = ask('connect', 'c:out', 'n:in')
    done = time.monotonic()
    times = until_all_see(not number % 2)
    print(*(round(1000 * (when - at)) for at, when in
            ((done, min(times)), (done, max(times)), (begun, max(times)))),
          len(news), flush=True)
END

new_phrase
node_up alpha
names=()
for i in $(seq $others); do
	node_launch "o$i" --join "$(address alpha)" --http 127.0.0.1:0
	names+=("o$i")
done
for name in "${names[@]}"; do
	expect_soon 30 "$name is up" node_answers "$name"
	expect_soon 30 "$name knows all" has_lines "$name" $others
done
cat >"$W/x.yaml" <<'END'
wiring: 1
name: x
servers:
  c: {host: alpha, use: clock, with: {every: 10s}}
  n: {host: alpha, use: "null"}
END
expect_soon 10 "applied" ph alpha apply "$W/x.yaml"
urls=()
for name in "${names[@]}"; do
	urls+=("$(ask "$name" '.items[0].http[-1]' status)")
done
# CHANGES URL...
change_it() {
	local before lost
	changes=$1 before=$(waited_ms)
	shift
	timeout 200 python3 "$W/watch.py" "$POSTHOUSE" "$W/alpha.sock" "$changes" \
		"$@" >"$W/times" 2>"$W/why" || fail "$(cat "$W/why" "$W/times")"
	[ "$(wc -l <"$W/times")" -eq "$changes" ] || fail "$(cat "$W/times" "$W/why")"
	[ "$(tail -n 1 "$W/times" | cut -d ' ' -f 4)" -eq $# ] ||
		fail "the change was not told, but found: $(cat "$W/times")"
	for column in 1:first 2:last 3:"last, the command with it,"; do
		cut -d ' ' -f "${column%%:*}" "$W/times" | sort -n >"$W/column"
		say "$changes changes, seen by the ${column#*:} of $#: median" \
			"$(middle) ms, worst $(tail -n 1 "$W/column") ms"
	done
	# Asked once a second the last of two would see it after two thirds of one.
	cut -d ' ' -f 2 "$W/times" | sort -n >"$W/column"
	# What the machine kept from its nodes, for each change, is not theirs.
	lost=$((($(waited_ms) - before) / changes))
	[ "$(middle)" -le $((350 * PATIENCE + lost)) ] || fail "too late: $(cat "$W/times")"
}
middle() { sed -n "$(((changes + 1) / 2))p" "$W/column"; }

change_it $changes "${urls[@]}"
# Also where all there is to be told is more than what may wait for a client
# that is slow: this one is not.
{
	printf '%s\n' "wiring: 1" "name: much" "servers:"
	for i in {1..400}; do
		echo "  c$i: {host: alpha, use: clock, with: {every: 10s}}"
		echo "  n$i: {host: alpha, use: 'null'}"
	done
	echo "wires:"
	for i in {1..400}; do echo "  - c$i -> n$i"; done
} >"$W/much.yaml"
expect_exit 0 ph alpha apply "$W/much.yaml"
change_it 6 "${urls[0]}"
expect_exit 0 ph alpha unapply much
few() { holds alpha '.items | length < 3' servers; }
expect_soon 30 "they have gone" few
# A node that hangs is waited for by who asks all, but keeps no news back.
kill -STOP "${PID[o2]}"
change_it 6 "${urls[0]}"
kill -CONT "${PID[o2]}"
say "watch: ok"
