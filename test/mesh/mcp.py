"""An MCP client of our own: what a node must answer, and what it must refuse.

    mcp.py http URL VIEW-TOKEN OPERATE-TOKEN ADMIN-TOKEN WIRING
    mcp.py stdio COMMAND...     the bridge with the role view
"""
import http.client
import json
import subprocess
import sys

import jsonschema

LOOKS = {'status', 'peers', 'neighbors', 'servers', 'logs', 'guests', 'menu',
         'connections', 'show', 'flows', 'topology', 'alarms', 'drift',
         'journal', 'plans', 'transactions'}


def expect(true, *what):
    if not true:
        print('FAILED:', *what)
        sys.exit(1)


class Node:
    def __init__(self, url):
        self.host = url.split('//')[1].rstrip('/')

    def send(self, method, path, body=None, **headers):
        link = http.client.HTTPConnection(self.host, timeout=60)
        link.request(method, path, body,
                     {k.replace('_', '-'): v for k, v in headers.items()})
        answer = link.getresponse()
        data = answer.read()
        link.close()
        return answer, data

    def post(self, token, body, **headers):
        if token:
            headers['Authorization'] = 'Bearer ' + token
        answer, data = self.send('POST', '/mcp', body, **headers)
        return answer.status, data

    def rpc(self, token, method, params=None, number=1):
        message = {'jsonrpc': '2.0', 'id': number, 'method': method}
        if params is not None:
            message['params'] = params
        status, data = self.post(token, json.dumps(message))
        expect(status == 200, method, params, status, data)
        answer = json.loads(data)
        expect(answer['jsonrpc'] == '2.0' and answer['id'] == number, answer)
        return answer

    def call(self, token, tool, **arguments):
        return self.rpc(token, 'tools/call',
                        {'name': tool, 'arguments': arguments})['result']


def tools_of(answer):
    return {tool['name']: tool for tool in answer['result']['tools']}


def check_tools(view, operate, admin):
    expect(set(view) == LOOKS, set(view) ^ LOOKS)
    expect(set(operate) - LOOKS == {'start', 'stop', 'restart', 'tap', 'ack',
                                    'shelve', 'unshelve'}, set(operate))
    expect({'apply', 'plan', 'connect', 'unapply'} <= set(admin) and
           set(operate) < set(admin), set(admin))
    for name, tool in admin.items():
        hints = tool['annotations']
        expect(hints['readOnlyHint'] == (name in LOOKS | {'wiring'}), name, hints)
        expect(not (hints['readOnlyHint'] and hints['destructiveHint']), name)
        jsonschema.Draft7Validator.check_schema(tool['inputSchema'])
        jsonschema.Draft7Validator.check_schema(tool.get('outputSchema', {}))
        expect(tool['description'], name)
    for name, ends in (('apply', True), ('stop', True), ('disconnect', True),
                       ('connect', False), ('plan', False), ('tap', False)):
        expect(admin[name]['annotations']['destructiveHint'] == ends, name)
    expect(admin['connect']['inputSchema']['required'] == ['from', 'to'])


def answered(tools, tool, result):
    """As the schema says, and the text is the same as the structure."""
    expect(not result['isError'], tool, result)
    content = result['structuredContent']
    expect(json.loads(result['content'][0]['text']) == content, tool)
    expect({'api', 'node', 'epoch', 'revision', 'ts', 'items'}
           <= set(content), content)
    if 'outputSchema' in tools[tool]:
        jsonschema.validate(content, tools[tool]['outputSchema'])
    return content['items']


def error_of(result):
    expect(result['isError'] and 'structuredContent' not in result, result)
    error = json.loads(result['content'][0]['text'])['error']
    expect(set(error) == {'exit', 'what', 'where', 'next'}, error)
    return error


def looks(node, token, tools):
    more = {'show': {'address': 'alpha/z'}, 'logs': {'server': 'z'}}
    for tool in sorted(LOOKS):
        items = answered(tools, tool,
                         node.call(token, tool, **more.get(tool, {})))
        if tool in ('guests', 'menu', 'servers', 'topology'):
            expect(items, tool, 'is empty')
    items = answered(tools, 'status', node.call(token, 'status', node='beta'))
    expect(items[0]['node'] == 'beta', items)
    items = answered(tools, 'flows', node.call(token, 'flows', window='10s'))
    expect(items and all(list(item['rate']) == ['10s'] for item in items))


def wrong(node, view):
    for tool, arguments, code in (
            ('show', {'address': 'nothing'}, 4),
            ('show', {}, 2), ('show', {'address': 7}, 2),
            ('show', {'adress': 'z'}, 2), ('flows', {'window': '2s'}, 2),
            ('flows', {'scope': 'world'}, 2), ('alarms', {'all': 'yes'}, 2),
            ('status', {'node': 'nobody'}, 4), ('status', {'node': None}, 2),
            ('journal', {'count': 1.5}, 2), ('topology', {'mask': 'x'}, 2),
            ('apply', {'text': ''}, 6), ('start', {'server': 'z'}, 6)):
        error = error_of(node.call(view, tool, **arguments))
        expect(error['exit'] == code, tool, arguments, error)


def changes(node, admin, tools, wiring):
    plan = answered(tools, 'plan', node.call(
        admin, 'plan', text=wiring, file='m.yaml'))[0]['plan']
    answered(tools, 'apply', node.call(admin, 'apply', plan=plan))
    error = error_of(node.call(admin, 'plan', text='wiring: 1\nnme: x\n'))
    expect(error['exit'] == 78, error)


def hostile(node, token):
    deep = '{"a":' * 400 + '1' + '}' * 400
    ping = {'jsonrpc': '2.0', 'id': 1, 'method': 'ping'}
    cases = [
        ('', -32700), ('x', -32700), ('{', -32700), ('{"a":1}x', -32700),
        ('{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}', -32700),
        ('{"jsonrpc":"2.0","id":' + '9' * 400 + ',"method":"ping"}', -32700),
        ('\x00', -32700), (b'{"jsonrpc":"\xff"}', -32700),
        ('[]', -32600), (json.dumps([ping]), -32600), ('null', -32700),
        ('"ping"', -32700), ('7', -32700), ('{}', -32600), (deep, -32600),
        ('[' * 100000, -32700),
        (json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call',
                     'params': {'name': 'show', 'arguments': {
                         'address': [[[[[[[[[1]]]]]]]]]}}}), -32600),
    ]
    for change, code in (
            ({'id': None}, -32600), ({'id': 1.5}, -32600), ({'id': []}, -32600),
            ({'id': {}}, -32600), ({'id': True}, -32600),
            ({'id': 'x' * 257}, -32600), ({'jsonrpc': '1.0'}, -32600),
            ({'jsonrpc': 2}, -32600), ({'method': 7}, -32600),
            ({'method': None, 'id': 1.5}, -32600),
            ({'method': 'tools/none'}, -32601), ({'method': ''}, -32601),
            ({'method': 'x' * 5000}, -32601),
            ({'method': 'notifications/initialized'}, -32601),
            ({'method': 'tools/list', 'params': []}, -32602),
            ({'method': 'tools/call'}, -32602),
            ({'method': 'tools/call', 'params': {}}, -32602),
            ({'method': 'tools/call', 'params': {'name': 7}}, -32602),
            ({'method': 'tools/call', 'params': {'name': 'x' * 99}}, -32602),
            ({'method': 'tools/call', 'params': {'name': 'watch'}}, -32602),
            ({'method': 'tools/call', 'params': {'name': ''}}, -32602),
            ({'method': 'tools/call', 'params': {'name': 'show/'}}, -32602),
            ({'method': 'tools/call', 'params': {
                'name': 'status', 'arguments': 'node'}}, -32602)):
        cases.append((json.dumps({**ping, **change}), code))
    for body, code in cases:
        status, data = node.post(token, body)
        error = json.loads(data)
        expect(error['jsonrpc'] == '2.0' and error['error']['code'] == code,
               body[:100], status, data)
        expect(status == (400 if code in (-32700, -32600) else 200), status)
    for number in ('x' * 256, '\u2028"\\', -2 ** 63, 2 ** 63 - 1, 0, ''):
        expect(node.rpc(token, 'ping', number=number)['result'] == {}, number)
    # Notifications, and answers to nothing, have no answer.
    for silent in ({'method': 'notifications/initialized'},
                   {'method': 'tools/call', 'params': {'name': 'unapply'}},
                   {'id': 1, 'result': {}}):
        status, data = node.post(
            token, json.dumps({'jsonrpc': '2.0', **silent}))
        expect(status == 202 and not data, silent, status, data)


def doors(node, token):
    ping = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'ping'})
    for method in ('GET', 'HEAD', 'DELETE', 'PUT'):
        answer, _ = node.send(method, '/mcp')
        expect(answer.status == 405 and answer.getheader('Allow') == 'POST',
               method, answer.status)
    for who in (None, 'ph_0', token + '0'):
        status, data = node.post(who, ping)
        expect(status == 403, who, status)
        expect(json.loads(data)['error']['code'] == -32001, data)
    for headers in ({'Origin': 'http://evil.example'}, {'Origin': 'null'},
                    {'Host': 'evil.example'}, {'Sec_Fetch_Site': 'cross-site'}):
        status, data = node.post(token, ping, **headers)
        expect(status == 403, headers, status)
    status, _ = node.post(token, ping, MCP_Protocol_Version='1999-01-01')
    expect(status == 400, status)
    status, _ = node.post(token, ping, MCP_Protocol_Version='2025-06-18')
    expect(status == 200, status)


def by_http(url, view, operate, admin, wiring):
    node = Node(url)
    for asked, got in (('2025-06-18', '2025-06-18'),
                       ('2025-11-25', '2025-11-25'), ('1999', '2025-11-25'),
                       ('x' * 999, '2025-11-25')):
        result = node.rpc(view, 'initialize', {
            'protocolVersion': asked, 'capabilities': {},
            'clientInfo': {'name': 'test', 'version': '1'}})['result']
        expect(result['protocolVersion'] == got, asked, result)
        expect(result['serverInfo']['name'] == 'posthouse', result)
        expect('tools' in result['capabilities'], result)
    tools = {who: tools_of(node.rpc(who, 'tools/list', {}))
             for who in (view, operate, admin)}
    check_tools(tools[view], tools[operate], tools[admin])
    with open(wiring) as file:
        changes(node, admin, tools[admin], file.read())
    looks(node, view, tools[view])
    wrong(node, view)
    hostile(node, view)
    doors(node, view)
    answered(tools[admin], 'unapply', node.call(admin, 'unapply', name='m'))


def by_stdio(command):
    bridge = subprocess.Popen(command, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)

    def say(line):
        bridge.stdin.write(line.encode() + b'\n')
        bridge.stdin.flush()

    def ask(method, number, **params):
        say(json.dumps({'jsonrpc': '2.0', 'id': number, 'method': method,
                        'params': params}))
        answer = json.loads(bridge.stdout.readline())
        expect(answer['id'] == number, answer)
        return answer

    expect(ask('initialize', 'a', protocolVersion='2025-06-18')['result']
           ['protocolVersion'] == '2025-06-18')
    say('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    expect(set(tools_of(ask('tools/list', 2))) == LOOKS)
    result = ask('tools/call', 3, name='status')['result']
    expect(result['structuredContent']['items'][0]['node'] == 'alpha', result)
    error = error_of(ask('tools/call', 4, name='unapply',
                         arguments={'name': 'x'})['result'])
    expect(error['exit'] == 6, error)
    for line, code in (('x', -32700), ('[]', -32600), ('a' * (1 << 21), -32603),
                       ('{"jsonrpc":"2.0","id":1,"method":"x"}', -32601)):
        say(line)
        answer = json.loads(bridge.stdout.readline())
        expect(answer['error']['code'] == code, line[:50], answer)
    say('')
    expect(ask('ping', 9)['result'] == {})
    bridge.stdin.close()
    expect(bridge.stdout.read() == b'' and bridge.wait(30) == 0)


if sys.argv[1] == 'http':
    by_http(*sys.argv[2:])
else:
    by_stdio(sys.argv[2:])
