#!/bin/bash
# Who watches a server or a node hears once that it is no more, and why: exits
# here, a program and a whole node killed elsewhere, what was never there.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "a line" has_lines alpha 1
cat >"$W/watched.yaml" <<'END'
wiring: 1
name: watched
servers:
  here: {host: alpha, restart: never, exec: [sh, -c, "trap 'exit 7' TERM; tail -f /dev/null & wait"]}
  there: {host: beta, exec: [sh, -c, "exec tail -f /dev/null"]}
  still: {host: beta, exec: [sh, -c, "exec tail -f /dev/null"]}
END
expect_exit 0 ph alpha apply "$W/watched.yaml"
runs() { holds alpha "[.items[] | select(.name == \"$2\").state] == [\"running\"]" servers --node "$1"; }
for server in "alpha here" "beta there" "beta still"; do
	# shellcheck disable=SC2086
	expect_soon 10 "$server runs" runs $server
done

# NAME TARGET: watches it from alpha, into $W/NAME.
watch() {
	"$POSTHOUSE" monitor "$2" --socket "$W/alpha.sock" >"$W/$1" 2>&1 &
	MINE[$!]=$1
}
# COUNT: so many stand.
watched() {
	[ "$(ask alpha '[.items[] | select(.state == "watching")] | length' monitor)" = "$1" ]
}
# NAME WORDS: its one notice, once.
heard() { [ -s "$W/$1" ]; }
expect_notice() {
	expect_soon "${3:-10}" "a notice of $1" heard "$1"
	grep -qF -- "$2" "$W/$1" || fail "$1 heard: $(cat "$W/$1")"
	[ "$(wc -l <"$W/$1")" = 1 ] || fail "$1 heard more: $(cat "$W/$1")"
}
pid_of() { ask alpha ".items[] | select(.name == \"$2\").pid" servers --node "$1"; }

# What there is not is told at once, and is an error.
expect_exit 4 ph alpha monitor beta/nobody
expect_exit 4 ph alpha monitor nobody
expect_exit 4 ph alpha monitor nowhere/there
expect_exit 7 ph alpha monitor alpha/here --for 700ms
expect_said "it is still there"
expect_soon 5 "nobody watches" watched 0
say "what is not there is told: ok"

# A program here exits, one elsewhere is killed; two watch that one.
watch here here
watch there1 beta/there
watch there2 beta/there
watch still beta/still
expect_soon 5 "four stand" watched 4
kill -TERM "$(pid_of alpha here)"
kill -9 "$(pid_of beta there)"
expect_notice here "here: exited 7"
expect_notice there1 "beta/there: signal 9"
expect_notice there2 "beta/there: signal 9"
heard still && fail "still heard: $(cat "$W/still")"
expect_exit 1 ph alpha monitor here
expect_said "it does not run: failed: exited with 7"
# The next run of it is another one, to be watched anew.
expect_soon 10 "there runs again" runs beta there
expect_exit 7 ph alpha monitor beta/there --for 700ms
say "exits and signals, here and elsewhere: ok"

# A watcher that goes away leaves nothing behind.
watch gone beta/there
expect_soon 5 "two stand" watched 2
kill -9 $!
expect_soon 8 "its monitor is gone" watched 1
say "who goes away watches no more: ok"

# The node is killed; it comes back, and nobody is told again.
watch node beta
expect_soon 5 "two stand" watched 2
node_kill beta
expect_notice node "beta: node-lost" 20
expect_notice still "beta/still: node-lost" 20
expect_soon 5 "nobody watches" watched 0
node_up beta
expect_soon 15 "still runs again" runs beta still
expect_soon 5 "nobody watches" watched 0
expect_notice still "beta/still: node-lost"
watch again beta/still
expect_soon 10 "one stands" watched 1
expect_exit 0 ph alpha unapply watched
expect_notice again "beta/still: stopped"
say "a node that is lost is lost once: ok"

# Programs ask by the client library: a normal end, a kill, a stop, a node that
# dies, and what was never there.
CC=${CC:-cc}
command -v "$CC" >/dev/null || { say "no C compiler here: the library's are left out"; exit 0; }
root=$(cd "$(dirname "$0")/../.." && pwd)
san=
case $BUILD in *san-*) san=${BUILD##*san-} san=-fsanitize=${san//-/,} ;; esac
# shellcheck disable=SC2086
"$CC" -std=gnu11 -Wall -Wextra -Werror $san "-I$root/library" \
	-o "$W/watcher" "$root/test/mesh/watcher.c" "-L$BUILD" -lposthouse \
	>"$W/said" 2>&1 || fail "watcher: $(cat "$W/said")"
program() {
	"$W/watcher" "$W/alpha.sock" "$2" >"$W/$1" 2>&1 &
	MINE[$!]=$1
}
expect_exit 0 ph alpha apply "$W/watched.yaml"
for server in "alpha here" "beta there" "beta still"; do
	# shellcheck disable=SC2086
	expect_soon 10 "$server runs" runs $server
done
program p-none beta/nobody
expect_notice p-none "no such"
program p-nowhere nowhere/nobody
expect_notice p-nowhere "no such 0 0"
program p-here here
program p-there beta/there
program p-still beta/still
program p-node beta
expect_soon 5 "four stand" watched 4
kill -TERM "$(pid_of alpha here)"
expect_notice p-here "exited 7 0"
kill -9 "$(pid_of beta there)"
expect_notice p-there "signal 0 9"
node_kill beta
expect_notice p-still "node lost 0 0" 20
expect_notice p-node "node lost 0 0" 20
program p-own alpha/here
expect_notice p-own "not running"
say "programs with the library: ok"
