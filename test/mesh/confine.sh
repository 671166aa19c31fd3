#!/bin/bash
# A strict program writes in its own directory and nowhere else, has no network,
# no descriptor of the node's, and cannot end the node; `servers` tells the
# level. What cannot be confined as asked is refused before it starts.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
mkdir "$W/own"

# Each trial that succeeds and should not says so.
cat >"$W/own/tries" <<'TRIES'
#!/bin/bash
exec 2>/dev/null
node=$PPID
echo x >inside || echo "own directory"
(: <"$1/secret") && echo "read outside"
(: >"$1/made") && echo "wrote outside"
(: </etc/passwd) && echo "read passwd"
(: <>/dev/tcp/127.0.0.1/1) && echo connected
(: >/dev/udp/127.0.0.1/1) && echo "sent udp"
unshare -U true && echo unshared
kill -0 "$node" && echo "signalled the node"
kill -9 "$node"
for ((fd = 3; fd < 64; fd++)); do
	[ $fd -eq 255 ] || ! { : >&"$fd"; } || echo "descriptor $fd"
done
echo tried
TRIES
chmod +x "$W/own/tries"
echo secret >"$W/secret"
cat >"$W/strict.yaml" <<END
wiring: 1
name: strict
servers:
  tries:
    exec: [bash, $W/own/tries, $W]
    cwd: $W/own
    confine: strict
  target: {use: file.write, with: {path: $W/out}}
wires:
  - tries:stdout -> target:in
END
expect_exit 0 ph alpha apply "$W/strict.yaml"
expect_soon 20 "the program has tried" test -e "$W/out"
[ "$(cat "$W/out")" = tried ] || fail "not confined: $(cat "$W/out")"
[ -e "$W/own/inside" ] || fail "nothing was written in its own directory"
holds alpha '.items[] | select(.name == "tries").confine
	| startswith("strict (seccomp, landlock ")' servers ||
	fail "the level is not told"

# Without a directory of its own it is refused, and nothing is changed.
sed '/cwd:/d' "$W/strict.yaml" >"$W/without.yaml"
expect_exit 78 ph alpha apply "$W/without.yaml"
node_stop alpha || fail "alpha ended with $?"
