#!/bin/bash
# A page is a server: a WebSocket that is not ours registers, is wired to itself
# and gets back what it sent, within its credit; who has no token is refused;
# what RFC 6455 forbids is closed with its code, and the node does not mind.
# Then a carrier's WebSocket, in the same way.
. "$(dirname "$0")/lib.bash"

tool=$PWD/test/mesh/page.py
# Debian's own Python has Debian's packages.
for python in /usr/bin/python3 python3 none; do
	[ $python = none ] && skip "no python3 with websockets (test/deps.sh)"
	$python -c 'import websockets' 2>/dev/null && break
done

new_phrase
node_up alpha --listen ws://127.0.0.1:0 --http 127.0.0.1:0
HOST=$(ask alpha '.items[0].http[0]' status)
HOST=${HOST#http://}
HOST=${HOST%/}
WS=$(ask alpha '.items[0].listen[] | select(startswith("ws:"))' status)
WS=${WS#ws://}
token=$(ph alpha token wire) || fail "no token"
view=$(ph alpha token view) || fail "no token"

say "a page that is wired to itself"
$python "$tool" page "ws://$HOST/v1/terminal" "$token" >"$W/page" 2>&1 &
page=$!
expect_soon 10 "the page is welcome" grep -q welcome "$W/page"
holds alpha '[.items[] | select(.server == "page")] | length == 1
	and .[0].labels.tab == "1"' guests || fail "it is not in the guest book"
ph alpha connect page:out alpha/page:in >/dev/null || fail "not connected"
wait $page || fail "$(cat "$W/page")"
grep -q same "$W/page" || fail "$(cat "$W/page")"
left() { holds alpha '[.items[] | select(.server == "page")] == []' guests; }
expect_soon 5 "it has left the guest book" left

say "a stream right behind the end of one"
for kind in out mux; do
	$python "$tool" streams "ws://$HOST/v1/terminal" "$token" $kind \
		>"$W/page" 2>&1 &
	page=$!
	expect_soon 10 "the page is welcome" grep -q welcome "$W/page"
	for over in "done 0" "end 1" "cut 1" "done 2"; do
		# A wire that has ended stays so until it is taken back.
		expect_exit 0 ph alpha revert all
		[ "$over" = "cut 1" ] ||
			expect_exit 0 ph alpha connect page:out alpha/page:in
		await 20 grep -q "^$over" "$W/page" || fail "$over: $(cat "$W/page")"
	done
	wait $page || fail "$(cat "$W/page")"
	expect_soon 5 "it has left the guest book" left
done

say "who may not"
for bad in ph_0 "$view" ""; do
	$python "$tool" page "ws://$HOST/v1/terminal" "$bad" >"$W/said" 2>&1 &&
		fail "'$bad' lets in"
	expect_said '"exit": 6'
done
upgrade() { # STATUS HOST PATH CURL-FLAGS...
	local wanted=$1 host=$2 path=$3 got
	shift 3
	got=$(curl -s -m 60 -o /dev/null -w '%{http_code}' -H 'Upgrade: websocket' \
		-H 'Connection: Upgrade' -H 'Sec-WebSocket-Version: 13' \
		-H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==' "$@" \
		"http://$host$path")
	[ "$got" = "$wanted" ] || fail "$path $*: $got, not $wanted"
}
upgrade 403 "$HOST" /v1/terminal -H 'Origin: http://evil.example'
upgrade 403 "$HOST" /v1/terminal -H 'Host: evil.example:7679'
upgrade 404 "$HOST" /v1/nothing
upgrade 404 "$HOST" /v1/carrier
upgrade 403 "$WS" /v1/carrier -H "Origin: http://$WS"

say "who crowds, and whose token is over or taken back"
# What it goes on sending may cost it the Close itself (1006).
timeout 120 $python "$tool" crowds "ws://$HOST/v1/terminal" "$token" \
	>"$W/said" 2>&1 || fail "$(cat "$W/said")"
grep -qE '^(1006|1008 no such record, or past the credit)' "$W/said" ||
	fail "$(cat "$W/said")"
# Of a page that comes too late, on a machine that is busy, it is over before.
for long in 1500ms 6s 30s; do
	short=$(ph alpha token wire --for $long) || fail "no token"
	$python "$tool" stays "ws://$HOST/v1/terminal" "$short" >"$W/said" 2>&1
	grep -q welcome "$W/said" && break
done
expect_said 'welcome' '1008 its token is over'
lent=$(ph alpha token wire --why lent) || fail "no token"
$python "$tool" stays "ws://$HOST/v1/terminal" "$lent" >"$W/page" 2>&1 &
page=$!
expect_soon 10 "the page is welcome" grep -q welcome "$W/page"
ph alpha token revoke "$(ask alpha \
	'[.items[] | select(.label == "lent")][0].id' token list)" >/dev/null
wait $page || fail "$(cat "$W/page")"
grep -q '1008 its token was revoked' "$W/page" || fail "$(cat "$W/page")"

say "what RFC 6455 forbids"
$python "$tool" forbidden "${HOST%:*}" "${HOST#*:}" /v1/terminal \
	posthouse-terminal >"$W/said" 2>&1 || fail "$(cat "$W/said")"
$python "$tool" forbidden "${WS%:*}" "${WS#*:}" /v1/carrier \
	posthouse-carrier >"$W/said" 2>&1 || fail "$(cat "$W/said")"
[ "$(ph alpha health)" = healthy ] || fail "the node minds"
node_stop alpha || fail "alpha did not end well"
