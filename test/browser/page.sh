#!/bin/bash
# The operators' page in a headless Chromium: three nodes and their flows, a
# host, a connection, a plan that is applied, a node that dies, a page that is a
# server itself, three hundred hosts. Nothing leaves the origin, nothing is
# complained about on the console.
command -v chromium >/dev/null && command -v chromedriver >/dev/null || {
	echo "# chromium and chromedriver are not here: test/deps.sh browser"
	exit 77
}
. "$(dirname "$0")/../mesh/lib.bash"
here=$(cd "$(dirname "$0")" && pwd)

packed=$(gzip -9nc "$here"/../../web/*.{html,js,css,svg} | wc -c)
[ "$packed" -le 100000 ] || fail "the page has $packed bytes, packed"
say "the page: $packed bytes, packed"

new_phrase
node_up alpha --http 127.0.0.1:0
node_launch beta --join "$(address alpha)" --http 127.0.0.1:0 --http-token
node_launch gamma --join "$(address alpha)"
expect_soon 15 "two lines of alpha" has_lines alpha 2
cat >"$W/demo.yaml" <<'END'
wiring: 1
name: demo
hosts: {alpha: {}, beta: {}, gamma: {}}
servers:
  cam:
    host: alpha
    exec: [sh, -c, "while :; do head -c 20000 /dev/zero; sleep 0.05; done"]
    out: {out: {fd: 1, kind: mux}}
  enc: {host: beta, use: lines}
  rec: {host: gamma, use: "null"}
  look: {host: gamma, use: "null"}
  tick: {host: beta, use: clock, out: {out: {kind: mux}}}
  log: {host: alpha, use: "null"}
wires:
  - {from: cam, to: enc, on_full: drop-oldest}
  - {from: cam, to: look, on_full: drop-newest}
  - enc -> rec
  - tick -> log
END
expect_exit 0 ph alpha apply "$W/demo.yaml"
sed -e 's/^name: .*/name: more/; /^servers:/,$d' "$W/demo.yaml" >"$W/more.yaml"
cat >>"$W/more.yaml" <<'END'
servers:
  beat: {host: gamma, use: clock}
  keep: {host: alpha, use: "null"}
wires:
  - beat -> keep
END
url=$(ask alpha '.items[0].http[0]' status)
token=$(ask alpha '.items[0].token' token admin)
timeout 90 python3 "$here/page.py" "$url" "$token" "$W" "${PID[gamma]}" \
	"$(ask beta '.items[0].http[0]' status)" \
	"$(ask beta '.items[0].token' token view)" ||
	fail "the page, see above"
