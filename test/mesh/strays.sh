#!/bin/bash
# What a program leaves behind ends with it, also in a session of its own; and
# what a killed node leaves behind, when it starts again.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
# A child in its group, one in a session of its own, and that one's child.
# (tail -f into a pipe would end by itself when nobody reads it.)
cat >"$W/tree" <<END
#!/bin/sh
tail -f /dev/null >/dev/null & echo \$! >>$W/pids
setsid -f sh -c 'tail -f /dev/null >/dev/null & echo \$! >>$W/pids; echo \$\$ >>$W/pids; wait'
echo \$\$ >>$W/pids
exec tail -f /dev/null >/dev/null
END
chmod +x "$W/tree"
cat >"$W/strays.yaml" <<END
wiring: 1
name: strays
servers:
  it: {exec: ["$W/tree"]}
  other: {exec: ["$W/tree"]}
END
has_pids() { [ "$(wc -l <"$W/pids")" -ge "$1" ]; }
all_gone() {
	local pid
	while read -r pid; do is_gone_or_zombie "$pid" || return 1; done <"$1"
}
on_finish() { [ ! -e "$W/pids" ] || xargs kill -9 <"$W/pids"; } 2>/dev/null

: >"$W/pids"
expect_exit 0 ph alpha apply "$W/strays.yaml"
expect_soon 10 "eight processes" has_pids 8
all_gone "$W/pids" && fail "nothing runs"
# One server's go with it, the other's stay.
sid=$(ask alpha '.items[] | select(.name == "it").pid' servers)
grep -l "POSTHOUSE_SERVER=it" /proc/[0-9]*/environ 2>/dev/null |
	sed 's|/proc/\(.*\)/environ|\1|' >"$W/of-it"
grep -qx "$sid" "$W/of-it" || fail "its pid is not among its own"
while read -r pid; do grep -qx "$pid" "$W/pids" && echo "$pid"; done \
	<"$W/of-it" >"$W/its"
grep -vxFf "$W/its" "$W/pids" >"$W/others"
[ "$(wc -l <"$W/its")" = 4 ] || fail "of it: $(xargs <"$W/its")"
expect_exit 0 ph alpha stop it
expect_soon 5 "nothing is left of it" all_gone "$W/its"
while read -r pid; do
	is_gone "$pid" && fail "$pid of the other server was killed, too"
done <"$W/others"
say "what a server leaves behind goes with it: ok"

: >"$W/pids"
expect_exit 0 ph alpha start it
expect_soon 10 "four more" has_pids 4
cat "$W/others" "$W/pids" >"$W/all"
# Its warden ends who left his group and session, too, before anybody starts it.
node_kill alpha
expect_soon 5 "nothing is left of the killed node's" all_gone "$W/all"
say "a node that is killed leaves nothing behind: ok"

# Killed with its warden, the next life of it does.
: >"$W/pids"
node_up alpha
expect_soon 10 "they run anew" has_pids 8
sort -u "$W/pids" >"$W/all"
warden=$(grep -lx ph-warden /proc/[0-9]*/comm 2>/dev/null | while IFS=/ read -r _ _ pid _; do
	grep -q "^PPid:.${PID[alpha]}$" "/proc/$pid/status" && echo "$pid"
done)
[ -n "$warden" ] || fail "no warden"
kill -STOP "${PID[alpha]}"
kill -9 "$warden"
node_kill alpha
: >"$W/pids"
node_up alpha
expect_soon 5 "nothing is left of the killed node's" all_gone "$W/all"
expect_soon 10 "they run anew" has_pids 8
sort -u "$W/pids" >"$W/all"
node_stop alpha || fail "alpha did not stop well"
all_gone "$W/all" || fail "left behind: $(xargs ps -o pid,args <"$W/all")"
say "what a node leaves behind goes: ok"
