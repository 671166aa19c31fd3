# What the tests of whole meshes share: the real binary, several nodes on this
# machine, each with its own state, port and command socket. A test stops what
# it started, by pid, however it ends; it waits by asking again, never by
# sleeping.
#
#   . "$(dirname "$0")/lib.bash"
#   new_phrase; node_up alpha; node_up beta --join "$(address alpha)"
set -u
umask 077

: "${POSTHOUSE:=$PWD/build/posthouse}"
: "${BUILD:=$(dirname "$POSTHOUSE")}"
unset "${!POSTHOUSE_@}" NOTIFY_SOCKET STATE_DIRECTORY CREDENTIALS_DIRECTORY

# Short: a unix socket's path has 107 bytes.
W=$(mktemp -d "${TMPDIR:-/tmp}/mesh.XXXXXX")
PHRASE=$W/phrase
declare -A PID=() ADDRESS=() MINE=()
# A pipe that nothing is written to: reading it with a timeout is a nap.
exec {NAP}<> <(:)

full() { [ "${PH_DOSE:-}" = full ]; }

# Sanitizers and valgrind cost time, not correctness: limits stretch.
PATIENCE=1
case $BUILD in *address* | *thread*) PATIENCE=5 ;; esac

# A node that ends leaves its loop, door and kernel to the system; what leaks
# is looked for in the programs that take everything down. A report of
# anything else fails the test.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}
reported() {
	grep -hE -A 12 'ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:' \
		"$W"/*.log 2>/dev/null | head -n 40
}

nap() { read -rt 0.05 -u "$NAP" || :; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# SECONDS CMD...: until CMD succeeds; fails when it did not in time. The last look
# begins when the time is over: a look that took long itself is not held against
# what it looked at.
await() {
	local asked until=$(($(now_ms) + $1 * 1000 * PATIENCE))
	shift
	while asked=$(now_ms); do
		"$@" >/dev/null 2>&1 && return
		[ "$asked" -lt $until ] || return
		nap
	done
}

say() { echo "# $*"; }

fail() {
	local log shown=0 frame=0
	# The script's own line, not that of a helper in here.
	while [ "${BASH_SOURCE[frame + 1]:-$0}" != "$0" ]; do ((frame++)); done
	echo "FAILED: $* (line ${BASH_LINENO[frame]} of $0)"
	for log in "$W"/*.log; do
		[ -e "$log" ] || continue
		# Of a hundred nodes, a few.
		[ $((shown++)) -lt 6 ] || break
		echo "--- ${log##*/}"
		tail -n 25 "$log"
	done
	for log in "${!PID[@]}"; do
		echo "--- connections and servers of $log"
		ph "$log" servers --timeout 2s 2>&1
		ph "$log" connections --timeout 2s 2>&1
		break
	done
	# Once more, where whoever keeps only the end will see it.
	echo "FAILED: $*"
	exit 1
}

skip() {
	echo "SKIP: $*"
	exit 77
}

# SECONDS WHAT CMD...: as await, or the test fails with WHAT. SECONDS is what it may
# take on a machine that has nothing else to do. Waiting longer costs only a test
# that fails anyway, so a machine that is busy is given a minute.
expect_soon() {
	local seconds=$1 what=$2
	shift 2
	[ "$seconds" -ge 60 ] || seconds=60
	await "$seconds" "$@" || fail "not within $seconds s: $what"
}

# [PID...]: how long they (or all that this test started) were ready to run while
# others ran: ms, all together. What ended meanwhile counts no more.
waited_ms() {
	local pid tasks=()
	[ $# -gt 0 ] || set -- "${!MINE[@]}"
	for pid; do tasks+=("/proc/$pid"/task/*/schedstat); done
	cat "${tasks[@]}" /dev/null 2>/dev/null |
		awk '{ ns += $2 } END { printf "%d", ns / 1000000 }'
}

# SECONDS WHAT CMD...: a figure that is promised, as expect_soon, but at that time
# it holds: a look that begins later must succeed. What the machine kept from the
# nodes is not theirs, and is given back.
expect_within() {
	local limit=$(($1 * 1000 * PATIENCE)) what=$2 begin before asked lost
	shift 2
	begin=$(now_ms) before=$(waited_ms)
	while asked=$(($(now_ms) - begin)); do
		"$@" >/dev/null 2>&1 && break
		lost=$(($(waited_ms) - before))
		[ $lost -gt 0 ] || lost=0
		[ $asked -lt $((limit + lost)) ] && [ $asked -lt 60000 ] ||
			fail "not within $limit ms: $what (after $asked ms," \
				"of which its nodes waited $lost for a processor)"
		nap
	done
	say "$what: not after $asked ms any more ($limit ms are promised)"
}

# EXIT CMD...: CMD ends with exactly EXIT; its words are left in $W/said.
expect_exit() {
	local wanted=$1 code
	shift
	"$@" >"$W/said" 2>&1
	code=$?
	[ $code -eq "$wanted" ] ||
		fail "'$*' ended with $code, not $wanted: $(cat "$W/said")"
}

# WORDS...: what was said last holds each of them.
expect_said() {
	local words
	for words in "$@"; do
		grep -qF -- "$words" "$W/said" ||
			fail "'$words' is not in: $(cat "$W/said")"
	done
}

finish() {
	local code=$? pid
	# The braces take what the shell itself says of signals.
	{
		kill -9 "${!MINE[@]}"
		for pid in "${!MINE[@]}"; do
			wait "$pid"
		done
	} 2>/dev/null
	type -t on_finish >/dev/null && on_finish
	[ -z "$(reported)" ] || code=1
	reported
	rm -rf "$W"
	exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- nodes

new_phrase() { "$POSTHOUSE" passphrase >"$PHRASE"; }

# NODE COMMAND...: a command to that node.
ph() {
	local node=$1
	shift
	timeout $((60 * PATIENCE)) "$POSTHOUSE" "$@" --socket "$W/$node.sock"
}

# NODE FILTER COMMAND...: what jq finds in the command's --json.
ask() {
	local node=$1 filter=$2
	shift 2
	ph "$node" "$@" --json 2>/dev/null | jq -r "$filter"
}

# NODE FILTER COMMAND...: whether jq finds it true.
holds() {
	local node=$1 filter=$2
	shift 2
	[ "$(ask "$node" "$filter" "$@" 2>/dev/null)" = true ]
}

address() { echo "${ADDRESS[$1]}"; }

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# A port that nobody has, below those that the system gives away: a node that is
# started again finds it free. The two lanes of test/run.sh have their own.
port_free() {
	local port first=11000
	case $W in */b/*) first=14500 ;; esac
	while port=$((first + RANDOM % 3500)); do
		grep -qi ":$(printf %04x "$port") " /proc/net/{tcp,tcp6,udp} ||
			break
	done
	echo "$port"
}

# NAME [FLAGS...]: starts it without waiting. A node keeps its port for life.
node_launch() {
	local name=$1
	shift
	[ -n "${ADDRESS[$name]:-}" ] || ADDRESS[$name]=127.0.0.1:$(port_free)
	"$POSTHOUSE" up --name "$name" --state "$W/$name" \
		--socket "$W/$name.sock" --passphrase-file "$PHRASE" --http off \
		--listen "${ADDRESS[$name]}" "$@" \
		>>"$W/$name.log" 2>&1 </dev/null {NAP}>&- &
	PID[$name]=$!
	MINE[$!]=$name
}

node_answers() { ph "$1" health >/dev/null 2>&1 || is_gone "${PID[$1]}"; }

# NAME [FLAGS...]: starts it and waits until it answers.
node_up() {
	node_launch "$@"
	expect_soon 15 "$1 is up" node_answers "$1"
	is_gone "${PID[$1]}" && fail "$1 did not start"
	ADDRESS[$1]=$(ask "$1" '.items[0].listen[0]' status)
}

# NAME: kill -9, as a power failure would.
node_kill() {
	local pid=${PID[$1]}
	{
		kill -9 "$pid"
		wait "$pid"
	} 2>/dev/null
	unset "MINE[$pid]" "PID[$1]"
}

# NAME: asks it to go; its exit code.
node_stop() {
	local pid=${PID[$1]} code
	kill -TERM "$pid"
	await 60 is_gone_or_zombie "$pid" || fail "$1 ignores SIGTERM"
	wait "$pid" 2>/dev/null
	code=$?
	unset "MINE[$pid]" "PID[$1]"
	return $code
}

is_gone_or_zombie() {
	local state
	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)
	[ -z "$state" ] || [ "$state" = Z ]
}

# NODE COUNT: it has that many lines.
has_lines() { holds "$1" ".items[0].lines == $2" status; }

# A mesh of alpha, beta and gamma, all lines up.
three_nodes() {
	new_phrase
	node_up alpha
	node_launch beta --join "$(address alpha)"
	node_launch gamma --join "$(address alpha)"
	for name in beta gamma; do
		expect_soon 15 "$name is up" node_answers $name
		ADDRESS[$name]=$(ask $name '.items[0].listen[0]' status)
	done
	for name in alpha beta gamma; do
		expect_soon 10 "two lines of $name" has_lines $name 2
	done
}

# --- streams

# BYTES FILE: random bytes.
random_file() { head -c "$1" /dev/urandom >"$2"; }

same_bytes() { cmp -s "$1" "$2"; }

# NODE: every connection is closed because its stream ended.
all_ended() {
	holds "$1" '(.items | length) > 0 and all(.items[];
		.state == "closed" and .reason == "end")' connections
}

# A port that nobody has, and not of those that the system gives to whoever asks
# for any.
free_port() {
	python3 -c 'import random, socket
while True:
    port = random.randrange(10000, 20000)
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        continue
    print(port)
    break'
}
