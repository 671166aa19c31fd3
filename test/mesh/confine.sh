#!/bin/bash
# A strict program tries what it should not (confined.c): nothing of it works,
# its fork bomb is bounded, and all that it left is gone with it. `servers` tells
# the level. Limits hold, whoever is over that of memory is told to be, what is
# required and not here is refused before anything changes, and no grandchild
# outlives a node that was killed.
. "$(dirname "$0")/lib.bash"
root=$(cd "$(dirname "$0")/../.." && pwd)

${CC:-cc} -O2 -D_GNU_SOURCE -o "$W/confined" "$root/test/mesh/confined.c" || fail "no compiler"
new_phrase
node_up alpha
mkdir "$W/own" "$W/empty" "$W/deep"
cp "$W/confined" "$W/own/"
echo secret >"$W/secret"

# A number that no other test's processes have.
mark=$((1000000 + $$))
level() { ph alpha servers --json | jq -r ".items[] | select(.name == \"$1\").confine"; }
reason() { ph alpha servers --json | jq -r ".items[] | select(.name == \"$1\").reason"; }
state() { ph alpha servers --json | jq -r ".items[] | select(.name == \"$1\").state"; }
is_state() { [ "$(state "$1")" = "$2" ]; }

# --- what a strict program can do
cat >"$W/strict.yaml" <<END
wiring: 1
name: strict
servers:
  tries:
    exec: [$W/own/confined, "${PID[alpha]}", $W]
    cwd: $W/own
    confine: strict
    restart: never
  target: {use: file.write, with: {path: $W/out}}
  who: {exec: [sh, -c, 'id -u; touch mine; exec tail -f /dev/null'], cwd: $W/empty, confine: strict}
wires:
  - tries:stdout -> target:in
END
chmod 711 "$W"
expect_exit 0 ph alpha apply "$W/strict.yaml"
level=$(level who)
case $level in "strict (seccomp, landlock "*) ;; *) fail "the level: $level" ;; esac
say "$level"
expect_soon 30 "the program has tried" test -e "$W/out"
if [ "$(cat "$W/out")" != tried ]; then
	grep -qv '^fork\|^tried' "$W/out" && fail "could $(cat "$W/out")"
	# Only a root node without groups cannot bound its own root.
	sed -n 's/no limit of pids//p' <<<"$level" | grep -q . ||
		[ "$(id -u)" = 0 ] || fail "could $(cat "$W/out")"
	say "this host bounds no processes"
fi
[ -e "$W/own/inside" ] || fail "nothing was written in its own directory"
bomb_is_gone() { ! pgrep -f "$W/own/confined"; }
case $level in *namespaces*) expect_soon 10 "the bomb is gone" bomb_is_gone ;; esac

# --- whoever is root has users of their own
expect_soon 10 "who has begun" test -e "$W/empty/mine"
if [ "$(id -u)" = 0 ]; then
	[ "$(stat -c %u "$W/empty/mine")" -ge 65536 ] ||
		case $level in *"root without"*) ;; *) fail "who is root" ;; esac
fi

# --- limits
cat >"$W/limits.yaml" <<END
wiring: 1
name: limits
servers:
  eats:
    exec: [sh, -c, 'x=0123456789; while :; do x=\$x\$x; done']
    restart: never
    limits: {memory: 32MiB, cpu: 50%, pids: 8, files: 20}
  counts: {exec: [sh, -c, 'ulimit -n >"$W/files"; exec tail -f /dev/null'], limits: {files: 33}}
END
expect_exit 0 ph alpha apply "$W/limits.yaml"
expect_soon 20 "eats has ended" is_state eats failed
expect_soon 10 "counts has counted" test -s "$W/files"
[ "$(cat "$W/files")" = 33 ] || fail "it may have $(cat "$W/files") descriptors"
say "eats: $(reason eats)"
eats=$(reason eats)
case $eats in
*oom*"memory 32MiB by cgroup"*) ;;
*) grep -q "memory.*by cgroup" <<<"$eats" && fail "not told why: $eats" ;;
esac

# --- what is required and not here
sed 's/confine: strict/confine: basic, require: [namespaces]/' >"$W/required.yaml" <<END
wiring: 1
name: required
servers: {it: {exec: [sleep, "1000"], confine: strict}}
END
expect_exit 4 ph alpha apply "$W/required.yaml"
holds alpha 'all(.items[]; .name != "it")' servers || fail "it was started"
sed 's/namespaces/nothing/' "$W/required.yaml" >"$W/unknown.yaml"
expect_exit 78 ph alpha apply "$W/unknown.yaml"
# Without a directory of its own it is refused, too.
sed '/cwd: .*own$/d' "$W/strict.yaml" >"$W/without.yaml"
expect_exit 78 ph alpha apply "$W/without.yaml"

# --- nobody outlives a node that was killed: with namespaces not even in a
# session of his own, without none of the program's group
cat >"$W/deep.yaml" <<END
wiring: 1
name: deep
servers:
  deep: {exec: [sh, -c, 'setsid sleep $mark & exec sleep $mark'], cwd: $W/deep, confine: strict}
  plain: {exec: [sh, -c, 'sleep $mark & exec sleep $mark']}
END
expect_exit 0 ph alpha apply "$W/deep.yaml"
four_sleep() { [ "$(pgrep -fc "^sleep $mark")" = 4 ]; }
none_sleeps() { [ "$(pgrep -fc "^sleep $mark")" = 0 ]; }
expect_soon 10 "all sleep" four_sleep
level=$(level deep)
case $level in
*namespaces*)
	kill -9 "${PID[alpha]}"
	expect_soon 10 "nobody is left" none_sleeps
	;;
*)
	say "no namespaces here: $level"
	node_stop alpha || fail "alpha ended with $?"
	;;
esac
pgrep -f "^sleep $mark" | xargs -r kill
