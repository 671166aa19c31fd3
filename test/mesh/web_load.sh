#!/bin/bash
# 200 HTTP clients that dawdle (no end of their headers, or an answer that they
# do not take) and 50 that watch, beside a stream at full rate: pairs of moments
# without them and with them. The node stays small, and answers others.
. "$(dirname "$0")/lib.bash"

command -v python3 >/dev/null || skip "no python3"
command -v curl >/dev/null || skip "no curl (test/deps.sh installs it)"
pairs=3 least=600
full && pairs=10 least=950

cat >"$W/dawdle.py" <<'END'
import selectors
import socket
import sys
import time

host, port = sys.argv[1].rsplit(':', 1)
chosen = selectors.DefaultSelector()
slow = []


def ask(path, whole):
    peer = socket.create_connection((host, int(port)))
    end = '\r\n' if whole else ''
    peer.sendall(f'GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{end}'.encode())
    return peer


for i in range(200):
    slow.append(ask('/v1/topology' if i % 2 else '/v1/status', i % 2))
for _ in range(50):
    peer = ask('/v1/watch', True)
    peer.setblocking(False)
    chosen.register(peer, selectors.EVENT_READ)
seen = set()
begun = time.monotonic()
while True:
    for key, _ in chosen.select(1):
        if not key.fileobj.recv(65536):
            sys.exit('a watcher was dropped')
        seen.add(key.fd)
    if len(seen) == 50 and begun:
        print('ready', flush=True)
        begun = None
END

new_phrase
node_up alpha --http off --http 127.0.0.1:0
node_up beta --join "$(address alpha)"
HOST=$(ask alpha '.items[0].http[0]' status)
HOST=${HOST#http://}
HOST=${HOST%/}
cat >"$W/x.yaml" <<'END'
wiring: 1
name: x
servers:
  z: {host: alpha, use: zero, with: {bytes: 100000GiB}}
  n: {host: beta, use: "null"}
wires:
  - z:out -> n:in
END
expect_soon 10 "applied" ph alpha apply "$W/x.yaml"
flowing() { holds alpha '.items[0].state == "flowing"' connections; }
expect_soon 10 "it flows" flowing
moved() { ask alpha '.items[0].sent.bytes' connections; }
rate() { # bytes a second, for half of one
	local from at
	from=$(moved) at=$(now_ms)
	until [ $(($(now_ms) - at)) -ge 500 ]; do nap; done
	echo $((($(moved) - from) * 1000 / ($(now_ms) - at)))
}
median() { printf '%s\n' "${ratios[@]}" | sort -n | sed -n "$(((${#ratios[@]} + 1) / 2))p"; }
ratios=()
# What others take from this machine meanwhile looks like a loss: where it does,
# three times as many pairs decide.
while [ ${#ratios[@]} -lt $pairs ] ||
	{ [ "$(median)" -lt $least ] && [ ${#ratios[@]} -lt $((3 * pairs)) ]; }; do
	alone=$(rate)
	: >"$W/ready"
	python3 "$W/dawdle.py" "$HOST" >"$W/ready" 2>"$W/dawdle" {NAP}>&- &
	loader=$!
	MINE[$loader]=loader
	expect_soon 15 "250 clients are there" test -s "$W/ready"
	beside=$(rate)
	[ "$(curl -s -m 60 "http://$HOST/healthz")" = healthy ] ||
		fail "it does not answer beside them"
	is_gone $loader && fail "a client was dropped: $(cat "$W/dawdle")"
	resident=$(awk '/^VmRSS/ {print $2}' "/proc/${PID[alpha]}/status")
	{ kill -9 $loader; wait $loader; } 2>/dev/null
	unset "MINE[$loader]"
	ratios+=($((beside * 1000 / alone)))
done
median=$(median)
say "per mille of the rate that is kept: ${ratios[*]}, median $median; $resident KiB"
[ "$median" -ge $least ] || fail "only $median per mille is kept"
