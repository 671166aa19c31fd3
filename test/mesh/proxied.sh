#!/bin/bash
# Through nginx, which ends the outer TLS: two nodes meet by wss, a pipe between
# them works, and what the proxy passes on is ciphertext of theirs: unmasked,
# it is TLS records, and nothing of what was sent is in it.
. "$(dirname "$0")/lib.bash"

nginx=$(command -v nginx || command -v /usr/sbin/nginx) ||
	skip "no nginx (test/deps.sh proxy installs it)"
command -v python3 >/dev/null || skip "no python3"

new_phrase
ADDRESS[alpha]=ws://127.0.0.1:0
node_up alpha
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
port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$W/nginx"
cat >"$W/nginx.conf" <<END
daemon off;
pid $W/nginx.pid;
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
}
END
"$nginx" -c "$W/nginx.conf" -p "$W" >"$W/nginx.out" 2>&1 {NAP}>&- &
MINE[$!]=nginx
proxied() { curl -sk -m 2 -o /dev/null "https://127.0.0.1:$port/"; }
expect_soon 10 "the proxy serves" proxied

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
  - source:out -> target:in
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
