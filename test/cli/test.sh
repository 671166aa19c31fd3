#!/bin/bash
# posthouse test FILE: what reach, inject and expect say; that servers really
# run, that what is played does not, and that nothing is left behind.
. "$(dirname "$0")/lib.bash"
export TMPDIR=$W
# A node of the user's that must not be asked.
export POSTHOUSE_SOCKET=$W/nobody POSTHOUSE_NAME=user POSTHOUSE_STATE=/nowhere
export POSTHOUSE_JOIN=127.0.0.1:1

cat >"$W/good.yaml" <<YAML
wiring: 1
name: good
for_each: {n: [1, 2, 3]}
servers:
  read: {host: far, use: file.read, with: {path: $W/never}, out: {out: {kind: mux}}}
  up-\${n}: {exec: [tr, a-z, A-Z]}
  join: {exec: [sort], in: {lines: {kind: combine}}, out: {sorted: {kind: mux}}}
  count: {exec: [wc, -l]}
  log: {host: other, exec: [tee, $W/played]}
  write: {use: file.write, with: {path: $W/played}}
  tick: {use: clock}
  more: {exec: [cat], in: {a: , b: {optional: yes}}}
wires:
  - {from: read, to: "up-\${n}", on_full: block}
  - up-\${n} -> join
  - {from: join, to: [count, log], on_full: block}
  - count -> write
  - {from: tick, to: more:b, on_full: latest}
tests:
  - {name: "all lead to the end, \${n}", reach: [read, "up-\${n}", write]}
  - name: three copies
    inject: {at: read:out, text: "b\\na\\n"}
    expect:
      - {at: join:sorted, text: "A\\nA\\nA\\nB\\nB\\nB\\n"}
  - name: counted
    inject: {at: read:out, file: in.txt}
    expect:
      - {at: write:in, contains: "6"}
      - {at: log:stdin, file: out.txt}
  - name: one of three
    inject: {at: up-2:stdin, text: "x\\n"}
    expect: {at: count:stdin, text: "X\\n"}
  - name: gathered
    inject: [{at: up-1:stdin, text: "x\\n"}, {at: up-2:stdin, text: "x\\n"}]
    expect: {at: join:lines, text: "X\\nX\\n"}
  - name: other inputs end
    inject: {at: "more:a", text: "variables stay: \$\${HOME}"}
    expect: {at: "more:stdout", text: "variables stay: \$\${HOME}"}
  - name: no end is needed
    expect: {at: "more:b", contains: "T"}
YAML
printf 'b\na\n' >"$W/in.txt"
printf 'A\nA\nA\nB\nB\nB\n' >"$W/out.txt"
expect_exit 0 "$POSTHOUSE" test "$W/good.yaml"
expect_said "9 passed, 0 failed"
[ ! -e "$W/played" ] || fail "a server that was played has run"
expect_exit 0 "$POSTHOUSE" test "$W/good.yaml" --json
jq -e '(.items | length) == 9 and all(.items[]; .passed)' "$W/said" \
	>/dev/null || fail "$(cat "$W/said")"
echo "# tests that hold: ok"

cat >"$W/bad.yaml" <<YAML
wiring: 1
name: bad
servers:
  a: {exec: [cat]}
  b: {exec: [cat]}
  broken: {exec: [sh, -c, "exit 3"]}
  slow: {exec: [sh, -c, "cat; exec tail -f /dev/null"]}
wires:
  - a -> b
  - broken -> slow
tests:
  - {name: the wrong way, reach: [b, a]}
  - {name: other bytes, inject: {at: a:stdin, text: abc}, expect: {at: b, text: abd}}
  - {name: not there, inject: {at: a:stdin, text: abc}, expect: {at: b, contains: d}}
  - {name: no path, inject: {at: b:stdin, text: abc}, expect: {at: a, text: abc}}
  - {name: a server fails, inject: {at: broken:stdin, text: abc}, expect: {at: slow:stdin, text: abc}}
  - {name: never ends, within: 500ms, inject: {at: slow:stdin, text: abc}, expect: {at: slow, text: abc}}
  - {name: no such file, inject: {at: a:stdin, file: nowhere}, expect: {at: b, text: ""}}
YAML
expect_exit 1 "$POSTHOUSE" test "$W/bad.yaml"
expect_said "0 passed, 7 failed"
expect_said "bad.yaml:12: no wires lead from b:stdout to a:stdin"
expect_said 'from byte 0 on "abc" instead of "abd"'
expect_said "what is expected is not in the 3 bytes that came"
expect_said "nothing that is put in leads to a"
expect_said "server broken: "
expect_said "after 500 ms: slow: its stream has not ended"
expect_said "cannot read nowhere"
# A file without tests says so; nothing has passed.
sed '/^tests:/,$d' "$W/bad.yaml" >"$W/none.yaml"
grep -q servers "$W/none.yaml" || fail "nothing is left of the file"
expect_exit 0 "$POSTHOUSE" test "$W/none.yaml"
expect_said "it has no tests"
echo "# tests that do not hold: ok"

# EXIT RULE TEXT: what is no test.
refused() {
	printf 'wiring: 1\nname: r\nservers: {a: {exec: [cat]}}\ntests:\n  - %s\n' \
		"$1" >"$W/refused.yaml"
	expect_exit 78 "$POSTHOUSE" test "$W/refused.yaml"
	grep -qF -- "$2" "$W/told" || fail "'$2' is not in: $(cat "$W/told")"
}
refused '{name: x}' 'S4: the test says nothing to try'
refused '{reach: [a, a:stdin]}' "S4: a test has no 'name'"
refused '{name: x, reach: [a]}' 'two terminals or more'
refused '{name: x, reach: [a, c]}' "P1: no server 'c'"
refused '{name: x, inject: {at: a, text: b}}' 'S4: the test expects nothing'
refused '{name: x, expect: {at: a}}' 'S4: expect says not which bytes'
refused '{name: x, expect: {at: a, text: b, file: c}}' 'twice which'
refused '{name: x, expect: {at: n/a:stdin, text: b}}' 'a guest that runs'
refused '{name: x, within: 2h, expect: {at: a, text: b}}' 'up to 10 minutes'
expect_exit 4 "$POSTHOUSE" test "$W/nowhere.yaml"

# Broken off, it takes its node down.
printf '%s\n' 'wiring: 1' 'name: r' "servers: {a: {exec: [tail, -f, $W/bad.yaml]}}" \
	'tests: [{name: x, within: 60s, expect: {at: a, text: b}}]' \
	>"$W/long.yaml"
"$POSTHOUSE" test "$W/long.yaml" >"$W/said" &
pid=$!
until=$((SECONDS + 30))
until pgrep -f "^tail -f $W/bad.yaml" >/dev/null; do
	[ $SECONDS -lt $until ] || fail "the test did not begin"
	read -rt 0.05 <> <(:)
done
kill -TERM $pid
wait $pid
expect_said "it was broken off"
[ -z "$(find "$W" -name 'posthouse.*')" ] || fail "left: $(find "$W")"
pgrep -f "state $W" && fail "a node is left"
echo "# nothing is left: ok"
