#!/bin/bash
# Through nginx, which ends the outer TLS: two nodes meet by wss, a pipe between
# them works, and what the proxy passes on is ciphertext of theirs: unmasked,
# it is TLS records, and nothing of what was sent is in it. And a page: what it
# asks from the origin that the node was told of is done, with a token.
. "$(dirname "$0")/lib.bash"

nginx=$(command -v nginx || command -v /usr/sbin/nginx) ||
	skip "no nginx (test/deps.sh proxy installs it)"
command -v python3 >/dev/null || skip "no python3"

port=$(free_port) page=$(free_port)
SITE=https://ops.example:$page

new_phrase
ADDRESS[alpha]=ws://127.0.0.1:0
node_up alpha --http off --http 127.0.0.1:0 --http-origin "$SITE"
backend=$(address alpha)

# Between the proxy and the node: passes everything on, keeps what the proxy
# said.
cat >"$W/tap.py" <<'END'
import os
import socket
import sys
import threading

back, kept = int(sys.argv[1]), open(sys.argv[2], 'ab', buffering=0)
door = socket.create_server(('127.0.0.1', 0))
print(door.getsockname()[1], flush=True)


def unmask(stream):
    """The payloads of the frames in it, behind the request."""
    data = bytearray()
    at = stream.find(b'\r\n\r\n') + 4
    while at + 2 <= len(stream):
        length, head = stream[at + 1] & 0x7f, 2
        if length == 126:
            length, head = int.from_bytes(stream[at + 2:at + 4], 'big'), 4
        elif length == 127:
            length, head = int.from_bytes(stream[at + 2:at + 10], 'big'), 10
        key = stream[at + head:at + head + 4]
        body = stream[at + head + 4:at + head + 4 + length]
        mask = (key * (len(body) // 4 + 1))[:len(body)]
        if stream[at] & 0xf in (0, 2):
            data += (int.from_bytes(body, 'big')
                     ^ int.from_bytes(mask, 'big')).to_bytes(len(body), 'big')
        at += head + 4 + length
    return bytes(data)


def pass_on(source, sink, all_of_it):
    try:
        while piece := source.recv(65536):
            if all_of_it is not None:
                all_of_it += piece
            sink.sendall(piece)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    if all_of_it:
        kept.write(unmask(bytes(all_of_it)))


while True:
    near, _ = door.accept()
    far = socket.create_connection(('127.0.0.1', back))
    threading.Thread(target=pass_on, args=(near, far, bytearray())).start()
    threading.Thread(target=pass_on, args=(far, near, None)).start()
END
python3 "$W/tap.py" "${backend##*:}" "$W/kept" >"$W/tap.port" 2>&1 &
MINE[$!]=tap
expect_soon 10 "the tap listens" test -s "$W/tap.port"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
	-keyout "$W/outer.key" -out "$W/outer.crt" -subj /CN=proxy 2>/dev/null ||
	fail "no certificate for the proxy"
plain=$(ask alpha '.items[0].http[0]' status)
plain=${plain%/}
mkdir "$W/nginx"
cat >"$W/nginx.conf" <<END
daemon off;
pid $W/nginx.pid;
master_process off; # one process, which the test ends
error_log $W/nginx.log;
worker_processes 1;
$([ "$(id -u)" = 0 ] && echo "user root;")
events {}
http {
	access_log off;
	client_body_temp_path $W/nginx/a;
	proxy_temp_path $W/nginx/b;
	fastcgi_temp_path $W/nginx/c;
	uwsgi_temp_path $W/nginx/d;
	scgi_temp_path $W/nginx/e;
	server {
		listen 127.0.0.1:$port ssl;
		ssl_certificate $W/outer.crt;
		ssl_certificate_key $W/outer.key;
		location / {
			proxy_pass http://127.0.0.1:$(cat "$W/tap.port");
			proxy_http_version 1.1;
			proxy_set_header Upgrade \$http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_set_header Host \$http_host;
		}
	}
	server { # as in doc/HTTP.md
		listen 127.0.0.1:$page ssl;
		ssl_certificate $W/outer.crt;
		ssl_certificate_key $W/outer.key;
		location / {
			proxy_pass $plain;
			proxy_http_version 1.1;
			proxy_set_header Host \$http_host;
			proxy_set_header Upgrade \$http_upgrade;
			proxy_set_header Connection \$http_connection;
			proxy_buffering off;
			proxy_read_timeout 1h;
		}
	}
}
END
"$nginx" -c "$W/nginx.conf" -p "$W" >"$W/nginx.out" 2>&1 {NAP}>&- &
MINE[$!]=nginx
proxied() { curl -sk -m 2 -o /dev/null "https://127.0.0.1:$port/"; }
expect_soon 10 "the proxy serves" proxied

say "a page behind it"
# STATUS [CURL FLAGS...] URL
expect() {
	local wanted=$1 got
	shift
	got=$(curl -sk -m 10 --resolve "ops.example:$page:127.0.0.1" \
		-o "$W/said" -w '%{http_code}' "$@")
	[ "$got" = "$wanted" ] || fail "$*: $got, not $wanted: $(cat "$W/said")"
}
bearer="Authorization: Bearer $(ph alpha token admin)"
cat >"$W/y.json" <<'END'
{"text": "wiring: 1\nname: y\nservers:\n  n: {use: \"null\"}\n"}
END
change() { expect "$1" -X POST -d "@$W/y.json" "${@:2}" "$SITE/v1/apply"; }
expect 200 "$SITE/"
expect_said '<title>posthouse'
expect 403 "$SITE/v1/status"
expect 200 -H "$bearer" "$SITE/v1/status"
jq -e --arg at "$SITE/" '.items[0].http | index($at)' "$W/said" >/dev/null ||
	fail "status does not tell where the page is: $(cat "$W/said")"
change 403 -H "Origin: $SITE"
change 403 -H "$bearer" -H 'Origin: https://evil.example'
change 403 -H "$bearer" -H "Origin: http://ops.example:$page"
change 200 -H "$bearer" -H "Origin: $SITE" -H 'Sec-Fetch-Site: same-origin'
expect 200 -H "$bearer" "$SITE/v1/servers"
jq -e '[.items[].name] == ["n"]' "$W/said" >/dev/null ||
	fail "nothing was changed: $(cat "$W/said")"
expect 403 -H "$bearer" "https://127.0.0.1:$page/v1/status"
expect 101 --max-time 1 -H 'Upgrade: websocket' -H 'Connection: Upgrade' \
	-H 'Sec-WebSocket-Version: 13' -H "Origin: $SITE" \
	-H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==' "$SITE/v1/terminal"
# Not told of it, it refuses.
change 403 -H "$bearer" -H "Origin: $SITE" \
	--resolve "other.example:$page:127.0.0.1" -H "Host: other.example:$page"

say "two nodes by wss"
node_up beta --join "wss://127.0.0.1:$port"
expect_soon 15 "the line is up through the proxy" has_lines beta 1
for _ in $(seq 65536); do echo 'nobody but the two may read this line'; done >"$W/in"
cat >"$W/x.yaml" <<END
wiring: 1
name: x
servers:
  source: {host: beta, use: file.read, with: {path: $W/in}}
  target: {host: alpha, use: file.write, with: {path: $W/out}}
wires:
  - {from: source:out, to: target:in, via: wss}
END
ph beta apply "$W/x.yaml" >/dev/null || fail "not applied"
expect_soon 20 "reason end" all_ended beta
same_bytes "$W/in" "$W/out" || fail "what came is not what was sent"
over=$(ask beta '.items[0].transport' connections)
[ "$over" = wss ] || fail "it went over $over"
node_stop beta || fail "beta did not end well"
long_enough() { [ "$(stat -c %s "$W/kept")" -gt "$(stat -c %s "$W/in")" ]; }
expect_soon 10 "the proxy passed it all on" long_enough
grep -qa 'nobody but the two' "$W/kept" && fail "the proxy could read it"
# A client's first TLS record.
[ "$(head -c 3 "$W/kept" | od -An -tx1 | tr -d ' ')" = 160301 ] ||
	fail "that is no TLS: $(head -c 8 "$W/kept" | od -An -tx1)"
node_stop alpha || fail "alpha did not end well"
