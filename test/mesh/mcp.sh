#!/bin/bash
# The node as an MCP server: by HTTP with tokens of three roles, and by standard
# input and output. What each may see and do, answers against their schemas,
# and messages that are none.
. "$(dirname "$0")/lib.bash"

command -v curl >/dev/null || skip "no curl (test/deps.sh installs it)"
# Debian's own Python has Debian's packages.
for python in /usr/bin/python3 python3 none; do
	[ $python = none ] && skip "no python3 with jsonschema (test/deps.sh)"
	$python -c 'import jsonschema' 2>/dev/null && break
done

new_phrase
node_up alpha --http 127.0.0.1:0
node_up beta --join "$(address alpha)" --http off
expect_soon 10 "alpha and beta see each other" holds alpha \
	'[.items[].line] == ["up"]' peers
cat >"$W/m.yaml" <<'END'
wiring: 1
name: m
servers:
  z: {host: alpha, use: zero, with: {bytes: 1MiB}}
  n: {host: beta, use: "null"}
wires:
  - z:out -> n:in
END

say "by HTTP"
URL=$(ask alpha '.items[0].http[0]' status)
$python test/mesh/mcp.py http "$URL" "$(ph alpha token view)" \
	"$(ph alpha token operate)" "$(ph alpha token)" "$W/m.yaml" \
	>"$W/said" 2>&1 || fail "$(tail -n 20 "$W/said")"

head -c 1100000 /dev/zero >"$W/much"
got=$(curl -s -m 20 -o /dev/null -w '%{http_code}' --data-binary "@$W/much" \
	"${URL}mcp")
[ "$got" = 413 ] || fail "more than 1 MiB: $got"

say "by standard input and output"
$python test/mesh/mcp.py stdio "$POSTHOUSE" mcp view --socket "$W/alpha.sock" \
	>"$W/said" 2>&1 || fail "$(tail -n 20 "$W/said")"
holds alpha 'all(.items[]; .label != "posthouse mcp")' token list ||
	fail "its token is left over"
ph beta mcp </dev/null >"$W/said" 2>&1
[ $? = 3 ] || fail "a node without HTTP: $(cat "$W/said")"
expect_said 'serves no HTTP' '--http'
ph alpha mcp nobody </dev/null >"$W/said" 2>&1 && fail "a role nobody"
[ "$(ph alpha health)" = healthy ] || fail "the node minds"
node_stop alpha || fail "alpha did not end well"
