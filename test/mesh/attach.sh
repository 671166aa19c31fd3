#!/bin/bash
# Programs that somebody else started attach with the client library: built
# against what was installed, wired like any server, gone when they leave. What
# each strategy for a full pipe does, to the message.
. "$(dirname "$0")/lib.bash"

root=$(cd "$(dirname "$0")/../.." && pwd)
CC=${CC:-cc}
command -v "$CC" >/dev/null || skip "no C compiler here"

# --- what make install leaves is enough, for C and for C++
san=
case $BUILD in *san-*) san=${BUILD##*san-} san=${san//-/,} ;; esac
make -s -C "$root" install DESTDIR="$W/root" PREFIX=/usr ${san:+SAN=$san} \
	>"$W/said" 2>&1 || fail "make install: $(cat "$W/said")"
flags="-Wall -Wextra -Werror -I$W/root/usr/include -L$W/root/usr/lib"
[ -n "$san" ] && flags="$flags -fsanitize=$san"
build() {
	# shellcheck disable=SC2086
	expect_exit 0 "$@" $flags -lposthouse
}
build "$CC" -std=c99 -pedantic -o "$W/upper" "$root/examples/client/upper.c"
build "$CC" -std=gnu11 -o "$W/probe" "$root/test/mesh/probe.c"
if command -v g++ >/dev/null; then
	expect_exit 0 g++ -xc++ -std=c++11 -fsyntax-only -Wall -Wextra \
		-I"$W/root/usr/include" "$root/test/mesh/probe.c"
fi
[ "$(wc -l <"$root/examples/client/upper.c")" -le 60 ] ||
	fail "the example has grown past 60 lines"

new_phrase
node_up alpha
export POSTHOUSE_SOCKET=$W/alpha.sock

# RUN COMMAND...: in the background, its words in $W/RUN.out; `go RUN` lets it
# begin.
declare -A GO=()
run() {
	local name=$1 fd
	shift
	mkfifo "$W/$name.go"
	: >"$W/$name.out"
	exec {fd}<>"$W/$name.go"
	GO[$name]=$fd
	"$@" <"$W/$name.go" >"$W/$name.out" 2>&1 {fd}>&- {NAP}>&- &
	MINE[$!]=$name PID[$name]=$!
}
go() { echo go >&"${GO[$1]}"; }
has_said() { grep -q -- "$2" "$W/$1.out"; }
# RUN WORDS
await_said() {
	expect_soon 20 "$1 says $2 (it said: $(cat "$W/$1.out"))" \
		has_said "$1" "$2"
}
ended() { is_gone_or_zombie "${PID[$1]}"; }
is_guest() {
	holds alpha ".items[] | select(.name == \"$1\") | .kind == \"guest\"
		and .pid == ${PID[$1]} and .state == \"running\"" servers
}
knows() {
	holds alpha "any(.items[]; .server == \"$1\")" guests
}
knows_not() { ! knows "$1"; }

# wire SCOPE FROM TO
wire() {
	cat >"$W/$1.yaml" <<-END
		wiring: 1
		name: $1
		wires:
		  - alpha/$2 -> alpha/$3
	END
	expect_exit 0 ph alpha apply "$W/$1.yaml"
}

# --- the example, between two bundled servers
random_file 3000000 "$W/raw"
base64 "$W/raw" >"$W/in"
"$W/upper" upper 2>"$W/upper.out" &
MINE[$!]=upper PID[upper]=$!
expect_soon 10 "upper is a guest" is_guest upper
expect_soon 5 "upper is in the guest book" knows upper
expect_exit 0 ph alpha servers
expect_said upper attached
cat >"$W/example.yaml" <<END
wiring: 1
name: example
servers:
  source: {use: file.read, with: {path: $W/in}}
  target: {use: file.write, with: {path: $W/out}}
wires:
  - source:out -> alpha/upper:in
  - alpha/upper:out -> target:in
END
expect_exit 0 ph alpha apply "$W/example.yaml"
expect_soon 20 "the file is there" test -e "$W/out"
tr a-z A-Z <"$W/in" | cmp -s - "$W/out" || fail "it is not in capitals"
expect_soon 10 "both ended" all_ended alpha
# A second of its name is told so, and the first is still there.
expect_exit 1 "$W/upper" upper
expect_said "File exists"
is_guest upper || fail "upper left"
# It leaves: its server goes with it.
{ kill "${PID[upper]}"; wait "${PID[upper]}"; } 2>/dev/null
expect_soon 5 "upper left the guest book" knows_not upper
expect_exit 0 ph alpha unapply example

# --- nobody is wired: returned, or counted as lost
run early "$W/probe" flood early return 10 100
await_said early attached
go early
await_said early 'sent=0 again=0 nobody=10 other=0'

run lossy "$W/probe" flood lossy drop 10 100
run tally "$W/probe" count tally
await_said lossy attached
await_said tally attached
go lossy
await_said lossy 'sent=10 again=0 nobody=0'
wire tally lossy:out tally:in
go tally
await_said tally 'messages=0 bytes=0 lost=10 last=end'
await_said lossy 'finish=0'
expect_soon 5 "they left" knows_not lossy
expect_exit 0 ph alpha unapply tally

# SCOPE STRATEGY COUNT: a consumer that takes nothing until it is told.
flow() {
	run "from$1" "$W/probe" flood "from$1" "$1" "$2" 1000
	run "to$1" "$W/probe" count "to$1"
	await_said "from$1" attached
	await_said "to$1" attached
	wire "$1" "from$1:out" "to$1:in"
	expect_soon 5 "$1 is open" holds alpha ".items[] |
		select(.from | test(\"from$1:\")) | .state |
		test(\"open|flowing|idle\")" connections
	go "from$1"
}
# RUN FIELD
figure() { sed -n "s/.*$2=\([0-9]*\).*/\1/p" "$W/$1.out" | head -1; }

# --- return: what was accepted arrives, the rest was refused
flow return 20000
await_said fromreturn 'sent='
sent=$(figure fromreturn sent)
[ "$sent" -gt 100 ] && [ "$sent" -lt 20000 ] ||
	fail "return: accepted $sent of 20000 for a consumer that sleeps"
[ $((sent + $(figure fromreturn again))) -eq 20000 ] ||
	fail "return: $(cat "$W/fromreturn.out")"
go toreturn
await_said toreturn "messages=$sent bytes=${sent}000 lost=0 last=end"
await_said fromreturn 'finish=0'

# --- drop: what arrives and what is said to be missing are all
flow drop 20000
await_said fromdrop 'sent=20000 again=0 nobody=0 other=0'
go todrop
await_said todrop 'last=end'
got=$(figure todrop messages)
[ "$got" -lt 20000 ] || fail "drop: nothing was dropped"
[ $((got + $(figure todrop lost))) -eq 20000 ] ||
	fail "drop: $(cat "$W/todrop.out")"
await_said fromdrop 'finish=0'

# --- wait: everything, when the consumer wakes
flow wait 20000
has_said fromwait 'sent=' && fail "wait: did not wait"
go towait
await_said towait 'messages=20000 bytes=20000000 lost=0 last=end'
await_said fromwait 'sent=20000 again=0 nobody=0 other=0'
await_said fromwait 'finish=0'

# --- many into one: every stream whole, each with its own end
run all "$W/probe" gather all 3
for i in 1 2 3; do
	run one$i "$W/probe" flood one$i wait $((i * 3000)) 500
	await_said one$i attached
done
await_said all attached
cat >"$W/all.yaml" <<END
wiring: 1
name: all
wires:
  - alpha/one1:out -> alpha/all:in
  - alpha/one2:out -> alpha/all:in
  - alpha/one3:out -> alpha/all:in
END
expect_exit 0 ph alpha apply "$W/all.yaml"
go all
for i in 1 2 3; do
	go one$i
done
await_said all 'messages=18000 bytes=9000000 mixed=1 left=0'
for i in 1 2 3; do
	await_said one$i 'finish=0'
done

# --- a program that dies is a cut, and leaves
run dying "$W/probe" die dying
run heir "$W/probe" count heir
await_said dying attached
await_said heir attached
"$W/upper" upper 2>"$W/upper.out" &
MINE[$!]=upper PID[upper]=$!
expect_soon 10 "upper is a guest" is_guest upper
wire middle dying:out upper:in
wire heir upper:out heir:in
go heir
await_said dying said
go dying
await_said heir 'messages=1 bytes=10 lost=0 last=cut'
expect_soon 5 "the dead left the guest book" knows_not dying
is_guest upper || fail "who lost a stream left too"

# --- the node stops: told, not hung
run last "$W/probe" count last
await_said last attached
go last
node_stop alpha || fail "alpha ended with $?"
await_said last 'last=Cannot send after transport endpoint shutdown'
expect_exit 1 "$W/upper"
expect_said 'cannot attach'
say "attach: done"
