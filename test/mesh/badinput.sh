#!/bin/bash
# What people get wrong, each with what, where and what next, and its exit
# code; a full disk; stopping with programs that do not want to; sd_notify.
. "$(dirname "$0")/lib.bash"

mounted=
on_finish() { [ -z "$mounted" ] || umount "$mounted"; }

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "line" has_lines alpha 1

# EXIT WIRING WORDS...: applied at alpha, refused so, and nothing remains.
refused() {
	local code=$1
	printf '%s\n' "wiring: 1" "name: bad" "$2" >"$W/bad.yaml"
	shift 2
	expect_exit "$code" ph alpha apply "$W/bad.yaml"
	expect_said "$@"
	sed '/^[^ ].* warning /,/^[^ ].* error /d' "$W/said" >"$W/errors"
	[ -s "$W/errors" ] || cp "$W/said" "$W/errors"
	grep -qE '^  (next: )?[A-Za-z]' "$W/errors" ||
		fail "it does not say what to do: $(cat "$W/said")"
	holds alpha 'all(.items[]; .scope != "bad")' servers ||
		fail "a refused file started: $(ask alpha '.items[].name' servers)"
	holds alpha '.items == []' connections || fail "it left connections"
}

sink='sink: {host: beta, use: "null"}'
refused 4 "servers: {gone: {host: beta, exec: [no-such-program-1]}, $sink}
wires: [gone:stdout -> sink:in]" "no such program: no-such-program-1" beta
refused 4 "servers: {there: {host: beta, exec: [/dev/null]}, $sink}
wires: [there:stdout -> sink:in]" "/dev/null"
refused 78 "servers: {tick: {host: alpha, use: clock}, $sink}
wires: [tick:out -> snik:in]" "bad.yaml:4" snik sink
refused 78 "servers: {tick: {host: alpha, use: clock}, $sink}
wires: [tick:out -> sink:inn]" "bad.yaml:4" inn "sink:in?"
refused 78 "servers: {tick: {host: alpha, use: clock}, tock: {host: beta, use: clock}}
wires: [tick:out -> tock:out]" "bad.yaml:4" output
refused 78 "servers:
  tick: {host: alpha, use: clock}
  tick: {host: alpha, use: zero}" "bad.yaml:5" tick
refused 78 "servers: {tick: {host: alpha, use: klock}}" "bad.yaml:3" klock clock
refused 78 "servers: {tick: {host: alpha, use: clock}" "bad.yaml:"
refused 78 "servers: {tick: {host: alpha, use: file.read}}" path
refused 78 "servers: {a: {host: alpha, exec: cat}}" "must be a list"
refused 78 "servers: {tick: {host: alpha, use: clock, hots: beta}}" hots host
expect_exit 4 ph alpha apply "$W/nowhere.yaml"
expect_said nowhere.yaml "next:"
expect_exit 78 ph alpha lint "$W/bad.yaml" || :
say "refused files: ok"

# Servers that the file does not declare: the guest book of their node knows.
guest_wire() { printf '%s\n' "servers: {tick: {host: alpha, use: clock}}" \
	"wires: [tick:out -> $1]"; }
refused 4 "$(guest_wire beta/nobody:in)" nobody beta empty
refused 4 "$(guest_wire alpha/nobody:in)" nobody alpha
printf '%s\n' "wiring: 1" "name: there" "servers:" \
	'  wide: {host: beta, use: "null"}' \
	'  beat: {host: beta, use: clock}' >"$W/there.yaml"
expect_exit 0 ph alpha apply "$W/there.yaml"
expect_soon 5 "beta's guests" holds beta '.items | length == 2' guests
refused 4 "$(guest_wire beta/nobody:in)" nobody beta wide
refused 4 "$(guest_wire beta/wide:inn)" inn beta "in (in)"
refused 78 "$(guest_wire beta/beat:out)" beat beta output
guest_wire beta/wide:in | sed '1i wiring: 1\nname: guest' >"$W/guest.yaml"
expect_exit 0 ph alpha apply "$W/guest.yaml"
guest_flows() { holds alpha '.items[0].sent.messages > 1' connections; }
expect_soon 5 "a guest that is there is fed" guest_flows
# It goes, and the wire says what it waits for.
expect_exit 0 ph alpha unapply there
waits_for_guest() {
	holds alpha '.items[0] | .state == "failed"
		and (.reason | test("wide"))' connections
}
expect_soon 5 "the wire says what it waits for" waits_for_guest
expect_exit 1 ph alpha ready
expect_said wide
expect_exit 0 ph alpha unapply guest
say "guests of other files: ok"

# A host that is not there; nothing is started on the one that is.
expect_exit 4 ph alpha apply <(printf '%s\n' "wiring: 1" "name: bad" \
	"servers: {tick: {host: nowhere, use: clock}, $sink}" \
	"wires: [tick:out -> sink:in]")
expect_said nowhere "next:"
holds alpha '.items == []' servers || fail "half of a wiring was started"

# A name that another file has.
one() { printf '%s\n' "wiring: 1" "name: $1" \
	"servers: {tick: {host: beta, use: clock}}" >"$W/$1.yaml"; }
one first
one second
expect_exit 0 ph alpha apply "$W/first.yaml"
expect_exit 5 ph alpha apply "$W/second.yaml"
expect_said tick first "next:"
expect_exit 0 ph alpha unapply first
expect_exit 4 ph alpha unapply first
expect_said first "next:"
say "conflicts: ok"

# --- the command line

for command in status health ready version; do
	expect_exit 2 ph alpha $command now
done
expect_exit 2 ph alpha status --json=1
expect_said "takes no value"
closed_stdout() { ph alpha status >&-; }
expect_exit 1 closed_stdout
expect_said "cannot write"
{
	printf '%s\n' "wiring: 1" "name: many" "servers: {z: {use: zero}}" wires:
	printf '  - z:out -> nope%d:in\n' {1..300}
} >"$W/many.yaml"
expect_exit 78 ph alpha lint "$W/many.yaml"
expect_said "300 errors, 0 warnings"
printf '%s\n' "wiring: 1" "name: vary" \
	'servers: {z: {host: alpha, use: zero, with: {bytes: "${AMOUNT_HERE}"}}}' \
	>"$W/vary.yaml"
expect_exit 78 ph alpha apply "$W/vary.yaml"
expect_said AMOUNT_HERE
export AMOUNT_HERE=1MiB
expect_exit 0 ph alpha apply "$W/vary.yaml"
unset AMOUNT_HERE
# An address that is mistyped is no empty table; what is not wired is one.
for address in nope z:nope alpha/typo alpha/z:nope 'alpha#1.99' nosuchnode/z; do
	expect_exit 4 ph alpha flow $address
	expect_said "next:"
done
expect_exit 4 ph alpha flow --json alpha/typo
for address in z z:out alpha/z alpha/z:out; do
	expect_exit 0 ph alpha flow $address
done
expect_exit 4 ph alpha show alpha/z:nope
expect_said "z:nope" "next:"
expect_exit 0 ph alpha show alpha/z:out
expect_exit 0 ph alpha unapply vary
# What is meant is said, not what happens to be near.
one first && one second
sed -i 's/tick:/tock:/' "$W/second.yaml"
one third
sed -i 's/servers:.*/servers: {z: {host: alpha, use: zero}, y: {host: beta, use: zero}}/' \
	"$W/third.yaml"
for file in first second third; do
	expect_exit 0 ph alpha apply "$W/$file.yaml"
done
expect_exit 2 ph alpha save
[ "$(grep -o third "$W/said" | wc -l)" = 1 ] || fail "named twice: $(cat "$W/said")"
expect_said first second
expect_exit 4 ph alpha save third -o "$W/nowhere/x.yaml"
expect_said "directory"
expect_exit 5 ph alpha save third -o "$W/first.yaml"
for file in first second third; do
	expect_exit 0 ph alpha unapply $file
done
expect_exit 2 ph alpha token revoke
expect_said "ID is missing" "token list"
expect_exit 2 ph alpha reserve beta/z --for 2h
expect_said "--for" "next:"
expect_exit 2 ph alpha lint "$W/first.yaml" --live --node nope
expect_exit 2 ph alpha menu beta --node nope
expect_said "--node" "next:"
full_stdout() { ph alpha tap z:out -n 1 >/dev/full; }
printf '%s\n' "wiring: 1" "name: vary" \
	'servers: {z: {host: alpha, use: clock}, n: {host: alpha, use: "null"}}' \
	"wires: [z:out -> n:in]" >"$W/vary.yaml"
expect_exit 0 ph alpha apply "$W/vary.yaml"
expect_exit 1 full_stdout
expect_said "cannot write to stdout"
! grep -q Resource "$W/said" || fail "another error's words: $(cat "$W/said")"
expect_exit 0 ph alpha unapply vary
# A log that has nowhere to go does not go into another file.
"$POSTHOUSE" up --name quiet --state "$W/quiet" --socket "$W/quiet.sock" \
	--passphrase-file "$PHRASE" --listen 127.0.0.1:0 \
	<&- >&- 2>&- {NAP}>&- &
PID[quiet]=$!
MINE[$!]=quiet
expect_soon 15 "quiet is up" ph quiet health
for fd in 0 1 2; do
	# Who may not look into it (no CAP_SYS_PTRACE) cannot tell.
	link=$(readlink "/proc/${PID[quiet]}/fd/$fd") || continue
	[ "$link" = /dev/null ] || fail "descriptor $fd was closed and reused"
done
node_stop quiet
say "command line: ok"

# --- a start that fails leaves no passphrase behind, and says what is in its way
try_up() {
	timeout 60 "$POSTHOUSE" up --name fresh --state "$W/fresh" --http off "$@"
}
expect_exit 5 try_up --socket "$W/alpha.sock" --listen 127.0.0.1:0
expect_said "the process with pid ${PID[alpha]} listens here already"
expect_exit 5 try_up --socket "$W/fresh.sock" --listen "$(address alpha)"
expect_said "cannot listen" "next:"
expect_exit 2 try_up --socket "$W/fresh.sock" --listen 192.0.2.1:1
expect_exit 2 try_up --socket "$W/fresh.sock" --listen nosuch.invalid:7610
expect_said "nosuch.invalid" "a name is not looked up" "next:"
expect_exit 2 try_up --socket "$W/fresh.sock" --join "$(address alpha)"
expect_said "joining a mesh takes its passphrase"
[ ! -e "$W/fresh/passphrase" ] || fail "a failed start made a passphrase"
say "a start that fails: ok"

# --- what a new mesh is told to join is where it listens
"$POSTHOUSE" up --name anew --state "$W/anew" --socket "$W/anew.sock" \
	--http off --listen 127.0.0.1:0 >"$W/anew.log" 2>&1 </dev/null {NAP}>&- &
PID[anew]=$!
MINE[$!]=anew
expect_soon 15 "anew is up" ph anew health
grep -q 'up --join 127.0.0.1:[1-9]' "$W/anew.log" || fail "no port to join"
node_stop anew
say "a new mesh tells where it is: ok"

# --- a name that nobody knows is told as such, not in errno's words
node_up quiet --join nosuch.invalid:7001
expect_soon 10 "why it cannot be dialled" \
	grep -q 'dial.failed .*nosuch.invalid.*this name has' "$W/quiet.log"
node_stop quiet
say "a name without an address: ok"

# --- a full disk under file.write

if [ "$(id -u)" = 0 ] && mkdir "$W/small" &&
	mount -t tmpfs -o size=4m tmpfs "$W/small" 2>/dev/null; then
	mounted=$W/small
	echo "what was there before" >"$W/small/target"
	random_file $((16 << 20)) "$W/big"
	cat >"$W/full.yaml" <<END
wiring: 1
name: full
servers:
  source: {host: alpha, use: file.read, with: {path: $W/big}}
  target: {host: beta, use: file.write, with: {path: $W/small/target}}
wires:
  - source:out -> target:in
END
	expect_exit 0 ph alpha apply "$W/full.yaml"
	tells_full() {
		holds alpha '.items[] | select(.name == "target") | .reason
			| test("No space left")' servers
	}
	expect_soon 10 "the reason is told" tells_full
	[ "$(cat "$W/small/target")" = "what was there before" ] ||
		fail "the target was touched"
	holds alpha 'all(.items[]; .reason != "end")' connections ||
		fail "a stream that was not kept is acknowledged as ended"
	# Room is made: without a hand it is tried again, or on request.
	mount -o remount,size=40m "$W/small"
	whole() { same_bytes "$W/big" "$W/small/target"; }
	if ! await 8 whole; then
		expect_exit 0 ph alpha unapply full
		expect_exit 0 ph alpha apply "$W/full.yaml"
		expect_soon 15 "there is room now: whole" whole
	fi
	[ "$(find "$W/small" -type f | wc -l)" = 1 ] ||
		fail "left behind: $(ls -A "$W/small")"
	expect_exit 0 ph alpha unapply full
	umount "$mounted" && mounted=
	say "full disk: ok"

	# --- and under a node: it says so until it can write again
	mkdir "$W/delta"
	mount -t tmpfs -o size=8m tmpfs "$W/delta" && mounted=$W/delta
	node_up delta --join "$(address alpha)"
	expect_soon 10 "a line to delta" has_lines delta 2
	! cat /dev/zero >"$W/delta/fill" 2>/dev/null || fail "it is not full"
	printf '%s\n' "wiring: 1" "name: alone" \
		"servers: {tick: {host: delta, use: clock}}" >"$W/alone.yaml"
	expect_exit 1 ph alpha apply "$W/alone.yaml"
	expect_said delta "nothing was applied" "disk is full" "make room"
	sed 's/alone/both/; s/{tick:/{tock: {host: beta, use: clock}, tick:/' \
		"$W/alone.yaml" >"$W/both.yaml"
	expect_exit 1 ph alpha apply "$W/both.yaml"
	expect_said delta "was given up here" "disk is full" "make room"
	for command in health ready; do
		expect_exit 1 ph delta $command
		expect_said "not " "disk is full"
	done
	holds delta '.items[0].waiting_for | test("disk is full")' status ||
		fail "the status does not say what it waits for"
	rm "$W/delta/fill"
	expect_soon 10 "it is well again, by itself" ph delta health
	expect_exit 0 ph delta ready
	expect_exit 0 ph delta events
	expect_said "the disk takes writes again"
	expect_exit 0 ph alpha apply "$W/both.yaml"
	expect_exit 0 ph alpha unapply both
	node_stop delta
	umount "$mounted" && mounted=
	say "full disk of a node: ok"
else
	say "full disk: needs root and mount, skipped"
fi

# --- SIGTERM, with programs that ignore it

cat >"$W/stubborn" <<'END'
#!/bin/bash
# FILE: ignores every signal it may, and says so.
trap '' TERM INT HUP
echo $$ >"$1"
exec {nap}<> <(:)
while :; do read -rt 10 -u "$nap"; done
END
chmod +x "$W/stubborn"
cat >"$W/stay.yaml" <<END
wiring: 1
name: stay
servers:
  tick: {host: alpha, use: clock, with: {every: 20ms}}
  stubborn: {host: beta, exec: ["$W/stubborn", "$W/stubborn.pid"]}
  polite: {host: beta, exec: [sh, -c, "exec cat >/dev/null"]}
wires:
  - tick:out -> polite:stdin
END
expect_exit 0 ph alpha apply "$W/stay.yaml"
expect_soon 5 "the program runs" test -s "$W/stubborn.pid"
stubborn=$(cat "$W/stubborn.pid")
begin=$(now_ms) before=$(waited_ms "${PID[beta]}")
kill -TERM "${PID[beta]}"
# Its waiting is that of the last moment in which it can be read.
is_stopped() {
	lost=$(waited_ms "${PID[beta]}")
	is_gone_or_zombie "${PID[beta]}"
}
expect_soon 6 "beta is gone" is_stopped
node_stop beta || fail "beta ended with $?"
# By its own last word: this script may look late.
stamp=$(sed -n 's/ info  node stopped.*//p' "$W/beta.log" | tail -n 1)
ended=$(($(date -d "$stamp" +%s%N) / 1000000))
took=$((ended - begin - (lost > before ? lost - before : 0)))
# 2.5 s to finish, 1.5 s of grace, 0.5 s of farewell.
[ "$took" -gt 0 ] && [ "$took" -lt $((5000 * PATIENCE)) ] || fail "SIGTERM to gone took $took ms"
is_gone_or_zombie "$stubborn" || fail "its program outlived the node"
say "SIGTERM to gone: $took ms"

# --- sd_notify

cat >"$W/listen.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char text[512];
	ssize_t got;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", argv[1]);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return 1;
	alarm(60);
	while ((got = recv(fd, text, sizeof(text), 0)) > 0) {
		printf("%.*s\n", (int)got, text);
		fflush(stdout);
	}
	return 0;
}
END
if ${CC:-cc} -o "$W/listen" "$W/listen.c" 2>"$W/said"; then
	"$W/listen" "$W/notify" >"$W/notified" {NAP}>&- &
	MINE[$!]=listen
	expect_soon 5 "the receiver is there" test -S "$W/notify"
	export NOTIFY_SOCKET=$W/notify
	node_up beta
	unset NOTIFY_SOCKET
	expect_soon 5 "READY=1" grep -qx 'READY=1' "$W/notified"
	! grep -q STOPPING "$W/notified" || fail "STOPPING=1 too early"
	node_stop beta
	expect_soon 5 "STOPPING=1" grep -qx 'STOPPING=1' "$W/notified"
	say "sd_notify: ok"
else
	fail "no compiler: $(cat "$W/said")"
fi
