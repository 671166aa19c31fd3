#!/bin/bash
# Requests that no browser makes and some attacker does, byte by byte: each is
# answered as it must or hung up on, none is taken for another, and the node
# does not mind.
. "$(dirname "$0")/lib.bash"

command -v python3 >/dev/null || skip "no python3"

cat >"$W/hostile.py" <<'END'
import re
import socket
import sys

host, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]
HERE = f'Host: {host}:{port}\r\n'
MAY = f'Authorization: Bearer {token}\r\n'
KEY = 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n'
UP = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'


def get(path, more='', here=HERE, method='GET'):
    return f'{method} {path} HTTP/1.1\r\n{here}{more}\r\n'


def post(body, more, path='/v1/plan'):
    return get(path, MAY + more, method='POST') + body


def statuses(data, wanted):
    """Of all that comes until the end, or a moment of silence behind as many as
    are wanted."""
    peer = socket.create_connection((host, port))
    peer.sendall(data.encode('latin1'))
    peer.settimeout(60)
    came = b''
    try:
        while piece := peer.recv(65536):
            came += piece
            if len(found(came)) >= wanted:
                peer.settimeout(0.1)
    except (socket.timeout, ConnectionResetError):
        pass
    return found(came)


def found(came):
    return [int(one) for one in re.findall(rb'HTTP/1\.[01] (\d+)', came)]


OTHER = f'Host: evil.example:{port}\r\nSec-Fetch-Site: same-origin\r\n'
END = 'Connection: close\r\n'
cases = [
    # Encodings.
    ('/v1/%', get('/v1/%'), [403]),
    ('/v1/%zz', get('/v1/%zz'), [403]),
    ('a NUL in the path', get('/v1/status%00'), []),
    ('out of the root', get('/%2e%2e/%2e%2e/etc/passwd', END), [404]),
    ('a query of junk', get('/v1/status?node=%ff%fe', END), [404]),
    ('a line in the query', get('/v1/status?x=%0a', END), [400]),
    ('a header in the query', get(
        f'/v1/status?x=%0aHost:{host}:{port}%0aX:', '', OTHER), [400]),
    ('a header in the path', get(
        f'/v1/status%0d%0aHost:{host}:{port}%0d%0aX:', '', OTHER), [400]),
    ('a request in the query', get(
        f'/v1/status?x=%20HTTP/1.1%0d%0a{HERE}%0d%0a', '', OTHER), [400]),
    # Fields.
    ('a field twice', get('/v1/status?node=alpha&node=beta', END), [400]),
    ('no number', get('/v1/journal?count=abc', END), [400]),
    ('too large a number', get('/v1/journal?count=' + '9' * 30, END), [400]),
    ('a name without end', get('/v1/status?node=' + 'a' * 100, END), [400]),
    ('a format without end', get('/v1/topology?format=' + 'a' * 99, END), [400]),
    # Headers.
    ('no host', get('/v1/status', END, ''), [403]),
    ('two hosts', get('/v1/status', END, HERE + 'Host: evil\r\n'), [403]),
    ('the other first', get('/v1/status', END, 'Host: evil\r\n' + HERE), [403]),
    ('two origins', get('/v1/status', f'{END}Origin: http://{host}:{port}\r\n'
                        'Origin: http://evil.example\r\n'), [403]),
    ('a NUL before the origin', get(
        '/v1/status', 'Origin: \0http://evil.example\r\n'), [431]),
    ('two tokens', get('/v1/status', f'{END}{MAY}{MAY}'), [403]),
    ('an address for a path', get('http://evil.example/v1/status'), [403]),
    ('9 kB of a header', get('/v1/status', 'X: ' + 'a' * 9000 + '\r\n'), [431]),
    ('HTTP/0.9', f'GET /v1/status\r\n{HERE}\r\n', [400]),
    ('HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [403]),
    # Bodies.
    ('no length', post('{"text":""}', ''), [411]),
    ('in chunks', post('2\r\n{}\r\n0\r\n\r\n',
                       'Transfer-Encoding: chunked\r\n'), [411]),
    ('both', post('2\r\n{}\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'
                  'Content-Length: 2\r\n'), [411]),
    ('two lengths', post('{}', 'Content-Length: 2\r\nContent-Length: 9\r\n'), [400]),
    ('less than nothing', post('{}', 'Content-Length: -2\r\n'), [400]),
    ('more than there is', post('{}', 'Content-Length: ' + '9' * 20 + '\r\n'), [413]),
    ('nothing', post('', f'{END}Content-Length: 0\r\n'), [400]),
    ('no object', post('[]', f'{END}Content-Length: 2\r\n'), [400]),
    ('no text', post('\xff\xfe', f'{END}Content-Length: 2\r\n'), [400]),
    ('too deep', post('[' * 999, f'{END}Content-Length: 999\r\n'), [400]),
    ('a request behind it', post(
        '{}' + get('/healthz', END), 'Content-Length: 2\r\n'), [400, 200]),
    ('a body for GET', get('/healthz', 'Content-Length: 5\r\n') + 'hello'
     + get('/healthz', END), [200, 200]),
    ('three at once', get('/healthz') + get('/readyz') + get('/v1/x', END),
     [200, 200, 404]),
    # Upgrades.
    ('to HTTP/2', get('/', 'Connection: Upgrade, HTTP2-Settings\r\n'
                      'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'),
     [400]),
    ('without a key', get('/v1/terminal', UP + 'Sec-WebSocket-Version: 13\r\n'),
     []),
    ('of version 8', get('/v1/terminal', UP + KEY
                         + 'Sec-WebSocket-Version: 8\r\n'), [400]),
    ('by POST', get('/v1/terminal', UP + KEY + 'Sec-WebSocket-Version: 13\r\n',
                    method='POST'), [405]),
    ('where there is none', get(
        '/v1/status', UP + KEY + 'Sec-WebSocket-Version: 13\r\n'), [404]),
]
wrong = 0
for name, data, wanted in cases:
    got = statuses(data, len(wanted))
    if got != wanted:
        print(f'{name}: {got}, not {wanted}')
        wrong += 1
sys.exit(wrong != 0)
END

new_phrase
node_up alpha --http 127.0.0.1:0
HOST=$(ask alpha '.items[0].http[0]' status)
HOST=${HOST#http://}
HOST=${HOST%/}
token=$(ph alpha token admin) || fail "no token"
timeout 240 python3 "$W/hostile.py" "${HOST%:*}" "${HOST#*:}" "$token" >"$W/said" 2>&1 ||
	fail "$(cat "$W/said")"
[ "$(ph alpha health)" = healthy ] || fail "the node minds"
node_stop alpha || fail "alpha did not end well"
