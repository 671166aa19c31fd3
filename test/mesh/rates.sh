#!/bin/bash
# A program that writes at a known pace to another node: the rate of 10 s is its
# own within 1 %, at both ends; when it pauses, the rate of the last second is 0
# and that of the last minute is not.
. "$(dirname "$0")/lib.bash"

life=5
full && life=12

# 200 messages a second of 1000 bytes, on the beat: one that is late is written
# behind the one before, so that the pace is the same on a machine that is slow.
cat >"$W/pace.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	char message[1000];
	struct timespec at;

	memset(message, 'x', sizeof(message));
	message[999] = '\n';
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (;;) {
		at.tv_nsec += 5000000;
		if (at.tv_nsec >= 1000000000) {
			at.tv_nsec -= 1000000000;
			at.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		if (write(1, message, sizeof(message)) != sizeof(message))
			return 1;
	}
}
END
${CC:-cc} -o "$W/pace" "$W/pace.c" 2>"$W/said" || skip "no compiler: $(cat "$W/said")"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "line" has_lines alpha 1
cat >"$W/paced.yaml" <<END
wiring: 1
name: paced
servers:
  pace: {host: alpha, exec: [$W/pace], framing: lines}
  sink: {host: beta, use: "null"}
wires:
  - pace:stdout -> sink:in
END
expect_exit 0 ph alpha apply "$W/paced.yaml"

sent() { holds alpha ".items[0].sent.messages >= $((life * 200))" connections; }
expect_soon $((life + 30)) "it has sent for $life s" sent

# The median of a few looks: a moment in which the machine had no time for the
# generator lies at the edge of one window, not of all.
look() {
	for _ in 1 2 3 4 5; do
		ask alpha ".items[0].rate[\"10s\"].$1" connections
		nap
	done | sort -n | sed -n 3p
}
# What was received is told 50 ms late, which a whole window does not show.
declare -A off=([sent]=1 [received]=3)
full && off[received]=1
# KIND
is_paced() {
	local bytes messages
	bytes=$(look "${1}_bps") messages=$(look "${1}_mps")
	say "$1: $bytes B/s, $messages messages/s over 10 s"
	[ "$bytes" -ge $((2000 * (100 - off[$1]))) ] &&
		[ "$bytes" -le $((2000 * (100 + off[$1]))) ] &&
		[ "$messages" -ge $((200 - 2 * off[$1])) ] &&
		[ "$messages" -le $((200 + 2 * off[$1])) ]
}
# On a machine that is busy the generator itself is late: then at another time.
# A rate that is wrong is so each time.
for kind in sent received; do
	for attempt in 1 2 3 4 5 6; do
		is_paced $kind && break
		[ $attempt -lt 6 ] || fail "$kind is not 200000 B/s, 200 messages/s"
		await 2 false
	done
done

pid=$(ask alpha '.items[] | select(.name == "pace").pid' servers)
kill -STOP "$pid"
still() {
	holds alpha '.items[0] | .state == "idle" and .rate["1s"].sent_bps == 0
		and .rate["60s"].sent_bps > 0' connections
}
expect_soon 10 "it is seen to pause" still
kill -CONT "$pid"
