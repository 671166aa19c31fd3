#!/usr/bin/env python3
"""What doc/PROTOCOL.md says of a page's terminals, by a WebSocket that is not
ours, and what RFC 6455 forbids, by bare bytes.

    page.py page URL TOKEN    a server "page": sends lines, gets them back
    page.py streams URL TOKEN KIND    three streams at once from an output of that
                            kind; the second is not consumed: it must be cut
    page.py stays URL TOKEN   a server "page", until it is closed: the code, why
    page.py crowds URL TOKEN  records without bytes, more and more: the same
    page.py forbidden HOST PORT PATH PROTOCOL    each must be closed as it must
"""
import asyncio
import base64
import json
import os
import socket
import struct
import sys


def record(number, flags, payload=b''):
    return (bytes([number]) + len(payload).to_bytes(3, 'little')
            + bytes([flags]) + payload)


def records(message):
    while message:
        length = int.from_bytes(message[1:4], 'little')
        yield message[0], message[4], message[5:5 + length]
        message = message[5 + length:]


FIN, BEGIN, END = 1, 2, 4


async def page(url, token):
    import websockets
    async with websockets.connect(
            url, subprotocols=['posthouse-terminal'], compression=None,
            max_size=1 << 20) as socket:
        await socket.send(json.dumps({
            'type': 'hello', 'token': token, 'server': 'page',
            'labels': {'tab': '1'}, 'terminals': [
                {'name': 'in', 'kind': 'in', 'type': '', 'credit': 40000},
                {'name': 'out', 'kind': 'out', 'type': ''}]}))
        welcome = json.loads(await socket.recv())
        if welcome['type'] != 'welcome':
            print(json.dumps(welcome))
            return 3
        number = {t['name']: t['number'] for t in welcome['terminals']}
        credit = {t['name']: t['credit'] for t in welcome['terminals']}
        print('welcome', flush=True)
        messages = [os.urandom(1 + 977 * i % 30000) for i in range(400)]
        got, sent, begun, partial, owed = [], 0, False, b'', 0
        done = False
        while not done:
            # As much as there is credit for.
            while (sent < len(messages)
                    and len(messages[sent]) <= credit['out']):
                credit['out'] -= len(messages[sent])
                await socket.send(record(number['out'], FIN, messages[sent]))
                sent += 1
                if sent == len(messages):
                    await socket.send(record(number['out'], END))
            message = await asyncio.wait_for(socket.recv(), 30)
            if isinstance(message, str):
                note = json.loads(message)
                if note['type'] == 'credit':
                    credit['out'] += note['bytes']
                done = note['type'] == 'done'
                continue
            for which, flags, payload in records(message):
                assert which == number['in']
                if flags & BEGIN:
                    begun = True
                elif flags & END:
                    await socket.send(json.dumps(
                        {'type': 'consumed', 'number': which}))
                else:
                    assert begun
                    owed += len(payload)
                    partial += payload
                    if flags & FIN:
                        got.append(partial)
                        partial = b''
            if owed >= 20000:
                await socket.send(json.dumps({
                    'type': 'credit', 'number': number['in'],
                    'bytes': owed}))
                owed = 0
        assert got == messages, (len(got), len(messages))
        print('same', flush=True)
    return 0


async def streams(url, token):
    import websockets
    async with websockets.connect(
            url, subprotocols=['posthouse-terminal'], compression=None) as socket:
        await socket.send(json.dumps({
            'type': 'hello', 'token': token, 'server': 'page', 'terminals': [
                {'name': 'in', 'kind': 'in', 'type': ''},
                {'name': 'out', 'kind': sys.argv[4], 'type': ''}]}))
        print(json.loads(await socket.recv())['type'], flush=True)
        size = 20000
        await socket.send(b''.join(
            record(1, FIN, bytes([65 + n]) * size) * 3 + record(1, END)
            for n in range(3)))
        now, got, credit, over = 0, b'', 0, ''
        while now < 3:
            message = await asyncio.wait_for(socket.recv(), 60)
            if isinstance(message, str):
                note = json.loads(message)
                if note['type'] == 'credit':
                    credit += note['bytes']
                elif note['type'] in ('done', 'cut'):
                    assert note['number'] == 1 and not over
                    over = note['type']
                    print(over, now, flush=True)
                    if over == 'cut':
                        await socket.send(json.dumps(
                            {'type': 'consumed', 'number': 0}))
                elif note['type'] == 'wired' and note['number'] == 1:
                    # Last of all that is said of a stream that is over.
                    if over and not note['connections']:
                        now, got, over = now + 1, b'', ''
                continue
            for which, flags, payload in records(message):
                if flags & BEGIN:
                    assert not got
                elif flags & END:
                    assert got == bytes([65 + now]) * 3 * size, (now, len(got))
                    print('end', now, flush=True)
                    if now != 1:
                        await socket.send(json.dumps(
                            {'type': 'consumed', 'number': which}))
                else:
                    got += payload
        assert credit == 9 * size, credit
    return 0


async def closed(url, token, crowds):
    import websockets
    async with websockets.connect(
            url, subprotocols=['posthouse-terminal'], compression=None) as socket:
        await socket.send(json.dumps({
            'type': 'hello', 'token': token, 'server': 'page',
            'terminals': [{'name': 'out', 'kind': 'out', 'type': ''}]}))
        print(json.loads(await socket.recv())['type'], flush=True)
        try:
            while crowds:
                await socket.send(record(0, 0) * 2000)
            await asyncio.wait_for(socket.recv(), 30)
        except websockets.ConnectionClosed:
            pass
        await socket.wait_closed()
        print(socket.close_code, socket.close_reason, flush=True)
    return 0


def frame(opcode, payload=b'', mask=True, fin=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    else:
        head += bytes([bit | 126]) + struct.pack('>H', len(payload))
    if mask:
        key = os.urandom(4)
        head += key
        payload = bytes(b ^ key[i % 4] for i, b in enumerate(payload))
    return head + payload


def exactly(peer, count):
    data = b''
    while len(data) < count:
        piece = peer.recv(count - len(data))
        if not piece:
            return None
        data += piece
    return data


def closed_with(host, port, path, protocol, data, slowly=False, early=False):
    """The code of the Close that comes; 1006 when there is none."""
    peer = socket.create_connection((host, port), 10)
    peer.settimeout(10)
    key = base64.b64encode(os.urandom(16)).decode()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall((f'GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n'
                  'Upgrade: websocket\r\nConnection: Upgrade\r\n'
                  f'Sec-WebSocket-Key: {key}\r\n'
                  f'Sec-WebSocket-Protocol: {protocol}\r\n'
                  'Sec-WebSocket-Version: 13\r\n\r\n').encode()
                 + (data if early else b''))
    answer = b''
    while b'\r\n\r\n' not in answer:
        piece = peer.recv(1)
        if not piece:
            return answer.split(b'\r\n')[0].decode()
        answer += piece
    if b' 101 ' not in answer:
        return answer.split(b'\r\n')[0].decode()
    try:
        for piece in [data[i:i + 1] for i in range(len(data))
                      ] if slowly else [data]:
            peer.sendall(piece)
        while True:
            head = exactly(peer, 2)
            if head is None:
                return 1006
            length = head[1] & 0x7f
            if length == 126:
                length = struct.unpack('>H', exactly(peer, 2))[0]
            payload = exactly(peer, length)
            if payload is None:
                return 1006
            if head[0] & 0xf == 8:
                return (struct.unpack('>H', payload[:2])[0]
                        if len(payload) >= 2 else 1005)
    except (ConnectionResetError, socket.timeout) as error:
        return 1006 if isinstance(error, ConnectionResetError) else 0


def forbidden(host, port, path, protocol):
    cases = [
        ('a reserved opcode', frame(3, b'x'), {1002}),
        ('a reserved control opcode', frame(0xb), {1002}),
        ('a reserved bit', frame(2, b'x', rsv=0x40), {1002}),
        ('a control frame of 126 bytes', frame(9, b'x' * 126), {1002}),
        ('a control frame of 60,000', frame(9, b'x' * 60000), {1002}),
        ('a Close of 126 bytes', frame(8, b'x' * 126), {1002}),
        ('a frame without a mask', frame(2, b'x', mask=False), {1002}),
        ('a PING without a mask', frame(9, b'', mask=False), {1002}),
        ('one behind a good one', frame(9) + frame(9, mask=False), {1002}),
        ('a length of 64 bits', b'\x82\xff' + b'\xff' * 12, {1002}),
        ('a control frame in pieces', frame(9, b'x', fin=False), {1002}),
        ('a Close of 1 byte', frame(8, b'x'), {1002}),
        ('a Close with code 1005', frame(8, struct.pack('>H', 1005)), {1002}),
        ('a Close with code 999', frame(8, struct.pack('>H', 999)), {1002}),
        ('a continuation of nothing', frame(0, b'x'), {1002}),
        ('a Close in order', frame(8, struct.pack('>H', 1000)), {1000}),
    ]
    wrong = 0
    for name, data, wanted in cases:
        got = closed_with(host, port, path, protocol, data)
        print(f'{name}: {got}')
        wrong += got not in wanted
    # Byte by byte: what is looked at is not what comes at once.
    for name, data in (('no mask', frame(2, b'x' * 200, mask=False)),
                       ('a long PING', frame(9, b'x' * 126))):
        got = closed_with(host, port, path, protocol, data, True)
        print(f'{name}, byte by byte: {got}')
        wrong += got != 1002
    # Nothing may come before the answer, whatever is in it.
    for name, data in (('a frame', frame(9)),
                       ('one like headers', frame(2, b'\r\n\r\n', mask=False))):
        got = closed_with(host, port, path, protocol, data, early=True)
        print(f'{name} before the answer: {got}')
        wrong += '400' not in str(got)
    return wrong


def main():
    if sys.argv[1] == 'page':
        return asyncio.run(page(sys.argv[2], sys.argv[3]))
    if sys.argv[1] == 'streams':
        return asyncio.run(streams(sys.argv[2], sys.argv[3]))
    if sys.argv[1] in ('stays', 'crowds'):
        return asyncio.run(
            closed(sys.argv[2], sys.argv[3], sys.argv[1] == 'crowds'))
    return forbidden(sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])


sys.exit(main())
