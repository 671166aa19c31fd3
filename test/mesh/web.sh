#!/bin/bash
# HTTP: what the commands print comes as JSON; who may change what; who may not
# even look; what is watched; clients that are slow.
. "$(dirname "$0")/lib.bash"

command -v curl >/dev/null || skip "no curl (test/deps.sh installs it)"

new_phrase
node_up alpha --http off --http 127.0.0.1:0 --http "unix:$W/http.sock"
node_up beta --join "$(address alpha)"
URL=$(ask alpha '.items[0].http[0]' status)
URL=${URL%/}
HOST=${URL#http://}
[ "$HOST" != "$URL" ] || fail "no address of the page: $URL"

# [CURL FLAGS...] PATH: the status; what came is in $W/said.
status() {
	curl -s -m 60 -o "$W/said" -w '%{http_code}' "${@:1:$#-1}" "$URL${*: -1}"
}
# STATUS [CURL FLAGS...] PATH
expect() {
	local wanted=$1 got
	shift
	got=$(status "$@")
	[ "$got" = "$wanted" ] || fail "$*: $got, not $wanted: $(cat "$W/said")"
}
by_uid() { curl -s -m 300 --unix-socket "$W/http.sock" "${@:1:$#-1}" "http://localhost${*: -1}"; }

threads() { ls "/proc/${PID[alpha]}/task" | wc -l; }

say "no thread before the first client"
before=$(threads)
expect 200 /
expect_said '<title>posthouse'
[ "$(threads)" -gt "$before" ] || fail "the web thread did not begin"
curl -s -m 60 -D "$W/head" --compressed "$URL/" >"$W/said"
expect_said '<title>posthouse'
for line in 'content-encoding: gzip' "content-security-policy: default-src 'none'" \
	'x-frame-options: deny' 'x-content-type-options: nosniff'; do
	grep -qi "^$line" "$W/head" || fail "no '$line': $(cat "$W/head")"
done

say "every path that asks, against its command"
keys='["api","epoch","items","node","revision","ts"]'
for path in status peers servers terminals guests menu connections drift journal \
	plans transactions flows topology alarms neighbors; do
	expect 200 "/v1/$path"
	jq -e "(keys - [\"sources\"]) == $keys and (.items | type) == \"array\"" \
		"$W/said" >/dev/null || fail "$path: $(cat "$W/said")"
done
expect_soon 10 "alpha and beta see each other" holds alpha \
	'[.items[].line] == ["up"]' peers
expect 200 '/v1/status?node=beta'
[ "$(jq -r '.items[0].node' "$W/said")" = beta ] || fail "not beta's status"
expect 404 '/v1/status?node=nobody'
expect 200 /healthz
expect 200 /readyz
expect 200 /metrics
expect_said posthouse_build_info
expect 404 /v1/nothing
expect 404 /../../etc/passwd
expect 405 -X POST -d '{}' /v1/status
expect 405 /v1/apply
for path in /v1/peers /; do
	for method in DELETE PUT OPTIONS; do
		expect 405 -D "$W/head" -X $method $path
		grep -qi '^allow: GET, HEAD' "$W/head" ||
			fail "$method $path: $(cat "$W/head")"
	done
done
expect 404 -X DELETE /v1/nothing
expect 400 /v1/topology?format=svg
expect 400 /v1/topology?scope=world
expect 200 /v1/topology?scope=local
jq -e 'has("sources") | not' "$W/said" >/dev/null || fail "$(cat "$W/said")"
expect 405 --head /v1/watch

say "12 of another origin, and tokens that are none"
expect 403 -H "Host: evil.example:${HOST#*:}" /v1/status
expect 403 -H "Host: 127.0.0.1" /v1/status
expect 403 -H "Host: $HOST" -H "Origin: http://evil.example" /v1/status
expect 403 -H "Origin: null" /
expect 403 -H "Origin: https://$HOST" /v1/status
expect 403 -H "Sec-Fetch-Site: cross-site" /v1/status
expect 403 -X POST -d '{"text":""}' /v1/plan
expect 403 -H 'Authorization: Bearer ph_0' /v1/status
expect 200 -H "Origin: $URL" -H 'Sec-Fetch-Site: same-origin' /v1/status
long=$(printf 'a%.0s' {1..300})
told() { # STATUS...: as expect, and the answer says what, and what next
	expect "$@"
	jq -e '.error | .exit == 2 and .what != "" and .next != ""' "$W/said" \
		>/dev/null || fail "$*: $(cat "$W/said")"
}
told 400 "/v1/status?node=alpha&node=beta"
told 411 -X POST -H "Content-Length:" /v1/plan
told 414 "/v1/status?node=beta&x=$(printf 'a%.0s' {1..2100})"
told 414 "/v1/show/$(printf 'a%.0s' {1..600})"
for name in Host Origin Sec-Fetch-Site Authorization; do
	told 431 -H "$name: $long" /v1/status
done
for name in X-Test Cookie User-Agent Accept; do
	expect 200 -H "$name: $long" /v1/status
done
much=$(printf 'a%.0s' {1..9000})
expect 414 "/v1/status?x=$much"
expect 431 -H "X-Much: $much" /v1/status
expect 431 -H "X-Much: $much$much$much$much$much$much$much" /v1/status
expect 431 -H "$much: x" /v1/status
expect 431 -H "X-Much: $much" -X POST -d '{"text":""}' /v1/plan
expect 431 -H "X-Much: $much" -H 'Upgrade: websocket' -H 'Connection: Upgrade' \
	-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==' \
	/v1/terminal
many=()
for i in {1..400}; do many+=(-H "A$i: ${much:0:9}"); done
expect 431 "${many[@]}" /v1/status
expect 200 "${many[@]:0:500}" /v1/status
for name in Forwarded Via X-Forwarded-For X-Real-IP X-Forwarded-Host; do
	expect 403 -H "$name: 192.0.2.1" /v1/status
done

cat >"$W/x.yaml" <<'END'
wiring: 1
name: x
servers:
  z: {host: alpha, use: zero, with: {bytes: 64MiB}}
  n: {host: beta, use: "null"}
wires:
  - z:out -> n:in
END
jq -Rs '{text: .}' "$W/x.yaml" >"$W/x.json"
view=$(ph alpha token view) || fail "no token"
admin=$(ph alpha token --why test) || fail "no token"
old=$(ph alpha token admin --for 1ms) || fail "no token"
post() { # TOKEN PATH FILE
	status -X POST -H "Authorization: Bearer $1" --data-binary "@$3" "$2"
}
[ "$(post "$view" /v1/plan "$W/x.json")" = 403 ] || fail "view may plan"
expect_said "this takes a token with the role admin, yours has view" "posthouse token admin"
[ "$(post "$old" /v1/plan "$W/x.json")" = 403 ] || fail "a stale token may"
[ "$(post "${admin}0" /v1/plan "$W/x.json")" = 403 ] || fail "and what follows it"
expect 200 -H "Authorization: Bearer $view" -H 'Via: 1.1 proxy' /v1/status
expect 200 -H "Authorization: Bearer $view" /v1/status

say "plan, apply, diff, tap, disconnect, revert, unapply"
[ "$(post "$admin" /v1/plan "$W/x.json")" = 200 ] || fail "$(cat "$W/said")"
plan=$(jq -r '.items[0].plan' "$W/said")
jq -n --arg p "$plan" '{plan: $p}' >"$W/p.json"
[ "$(post "$admin" /v1/apply "$W/p.json")" = 200 ] || fail "$(cat "$W/said")"
expect 200 "/v1/flows?window=1s,60s"
jq -e '[.items[].rate | keys] | unique == [["1s","60s","received_bps",
	"received_mps","sent_bps","sent_mps"]]' "$W/said" >/dev/null ||
	fail "$(cat "$W/said")"
expect 200 "/v1/flows?window=10s"
jq -e '[.items[].rate | keys] | unique == [["10s"]]' "$W/said" >/dev/null ||
	fail "$(cat "$W/said")"
expect 400 "/v1/flows?window=5s"
expect_said '1s, 10s, 60s'
flows() { curl -s "$URL/v1/flows" | jq -e "$1" >/dev/null; }
expect_soon 15 "64 MiB went over" flows \
	'[.items[] | select(.state == "closed")] | length == 1'
expect 200 /v1/topology?format=dot
expect_said 'digraph'
id=$(curl -s "$URL/v1/flows" | jq -r '.items[0].id')
expect 200 "/v1/connections/${id/\#/%23}"
[ "$(jq -r '.items[0].id' "$W/said")" = "$id" ] || fail "$(cat "$W/said")"
echo '{"text":"wiring: 1\nname: y\nservers: {z: {use: nothing}}\n"}' >"$W/bad.json"
[ "$(post "$admin" /v1/plan "$W/bad.json")" = 422 ] || fail "$(cat "$W/said")"
jq -e '.error.exit == 78' "$W/said" >/dev/null || fail "$(cat "$W/said")"
echo '{"text": 3}' >"$W/bad.json"
[ "$(post "$admin" /v1/plan "$W/bad.json")" = 400 ] || fail "$(cat "$W/said")"
echo '{"text": "a", "text": "b"}' >"$W/bad.json"
[ "$(post "$admin" /v1/plan "$W/bad.json")" = 400 ] || fail "$(cat "$W/said")"
printf '%2000000s' '' >"$W/big"
[ "$(post "$admin" /v1/plan "$W/big")" = 413 ] || fail "$(cat "$W/said")"
jq -e '.error.what | test("1 MiB")' "$W/said" >/dev/null || fail "$(cat "$W/said")"
by_uid -X POST -d '{"name":"x"}' /v1/unapply | jq -e '.api == 1' >/dev/null ||
	fail "the unix socket's owner may not"
ph alpha token revoke "$(ask alpha \
	'[.items[] | select(.label == "test")][0].id' token list)" >/dev/null
[ "$(post "$admin" /v1/plan "$W/x.json")" = 403 ] || fail "a revoked token may"

say "what is watched"
curl -sN -m 300 "$URL/v1/watch" >"$W/watch" &
watcher=$!
seen() { grep -q "^event: $1" "$W/watch"; }
expect_soon 10 "flows are seen" seen flows
expect_soon 10 "the journal is seen" seen journal
kill $watcher

say "what was said while nobody watched"
had=$(curl -s "$URL/v1/journal" | jq '.items[-1].n')
for i in 1 2 3; do
	by_uid -X POST -d "{\"text\":\"wiring: 1\nname: w$i\nservers: {n$i: {use: 'null'}}\n\"}" \
		/v1/apply >"$W/said"
	expect_said '"api":1'
done
now=$(curl -s "$URL/v1/journal" | jq '.items[-1].n')
[ "$now" -gt "$had" ] || fail "three applications are no line of the journal"
# WHAT IS WAITED FOR, [CURL FLAGS...] PATH: until it is seen.
watch_until() {
	local wanted=$1
	shift
	curl -sN -m 300 "${@:1:$#-1}" "$URL${*: -1}" >"$W/watch" &
	expect_soon 10 "$wanted is watched" grep -q "$wanted" "$W/watch"
	kill $!
}
numbers() { sed -n 's/^data: //p' "$W/watch" | jq -c 'select(.items[0].n).items[].n' | xargs; }
watch_until "\"n\":$now" -H "Last-Event-ID: $had" /v1/watch
[ "$(numbers)" = "$(seq -s ' ' $((had + 1)) "$now")" ] ||
	fail "after $had to $now came: $(numbers)"
grep -q "^id: $now" "$W/watch" || fail "no id: $(cat "$W/watch")"
watch_until "\"n\":$now" -H 'Accept: application/x-ndjson' "/v1/watch?since=$had"
jq -es --argjson had "$had" '[.[] | select(.event == "journal").data.items[].n] | .[0] == $had + 1' \
	"$W/watch" >/dev/null || fail "no lines of JSON: $(cat "$W/watch")"
# A journal that is another one: the latest line, behind a gap.
watch_until "\"n\":$now" "/v1/watch?since=99999999"
grep -A 1 '^event: gap' "$W/watch" | grep -q 'missed":0' ||
	fail "no gap: $(cat "$W/watch")"
for since in -1 '' "${now}x" 1234567890123456789 "$(printf '%030d' "$now")" \
	"$(printf '9%.0s' {1..600})"; do
	expect 400 "/v1/watch?since=$since"
	expect_said '"where":"since"' "not valid: '${since:0:60}'" 'an event, a number'
done
for since in x "$(printf '%030d' "$now")"; do
	expect 400 -H "Last-Event-ID: $since" /v1/watch
	expect_said '"where":"Last-Event-ID"' "not valid: '$since'"
done

say "a server is stopped, started, restarted"
echo '{"server":"n1"}' >"$W/n1.json"
operate=$(ph alpha token operate) || fail "no token"
[ "$(post "$view" /v1/stop "$W/n1.json")" = 403 ] || fail "view may stop"
for step in stop:stopped start:running restart:running; do
	[ "$(post "$operate" "/v1/${step%:*}" "$W/n1.json")" = 200 ] ||
		fail "$step: $(cat "$W/said")"
	expect 200 "/v1/servers?server=n1"
	[ "$(jq -r '.items[0].state' "$W/said")" = "${step#*:}" ] ||
		fail "$step: $(cat "$W/said")"
done
echo '{"server":"nobody"}' >"$W/n1.json"
[ "$(post "$operate" /v1/restart "$W/n1.json")" = 404 ] || fail "$(cat "$W/said")"

short=$(ph alpha token view --why short) || fail "no token"
curl -sN -m 300 -H "Authorization: Bearer $short" "$URL/v1/watch" >"$W/watch" &
watcher=$!
expect_soon 10 "flows are seen with a token" seen flows
ph alpha token revoke "$(ask alpha \
	'[.items[] | select(.label == "short")][0].id' token list)" >/dev/null
expect_soon 5 "and no more without it" is_gone_or_zombie $watcher

say "tokens that are over are in nobody's way, after a restart either"
for _ in $(seq 70); do
	ph alpha token view --for 1ms >/dev/null || fail "no token"
done
late=$(ph alpha token view) || fail "no token"

say "clients that send nothing, or take nothing, keep nobody up"
for _ in $(seq 60); do
	exec {slow}<>"/dev/tcp/${HOST%:*}/${HOST#*:}" || fail "refused"
	printf 'GET /v1/status HTTP/1.1\r\nHost: %s\r\n' "$HOST" >&"$slow"
done
expect 200 /v1/status
node_stop alpha || fail "alpha did not end well"

say "behind a proxy looking takes a token, too"
node_up alpha --http 127.0.0.1:0 --http-token
URL=$(ask alpha '.items[0].http[0]' status)
URL=${URL%/}
expect 200 /
expect 403 /v1/status
expect 200 -H "Authorization: Bearer $view" /v1/status
expect 200 -H "Authorization: Bearer $late" /v1/status
[ "$(ask alpha '.items | length' token list)" -lt 10 ] ||
	fail "they are kept: $(ph alpha token list)"
node_stop alpha || fail "alpha did not end well"
