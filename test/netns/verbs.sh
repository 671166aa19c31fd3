#!/bin/bash
# The hosts themselves: each verb breaks what it says and nothing else, and
# heal undoes it. Without this, a test of a broken network could pass on a
# whole one.
. "$(dirname "$0")/lib.bash"

ECHO=$BUILD/test/netns/echo
four=239.255.76.78 six=ff02::7678
hosts alpha beta gamma delta
for name in alpha beta gamma delta; do
	nsenter --net="/run/netns/$name" "$ECHO" serve $four $six \
		>"$W/$name.log" 2>&1 {NAP}>&- &
	PID[$name]=$! MINE[$!]=$name
	expect_soon 5 "echo on $name" grep -q ready "$W/$name.log"
done

# FROM ADDRESS N MS: sets answers, sources, took (microseconds).
ask_echo() {
	read -r answers sources took < <(in_host "$1" "$ECHO" ask "$2" "$3" \
		"${4:-60}")
}
answers_all() {
	ask_echo "$1" "$2" 3
	[ "$answers" = 3 ]
}
# FROM TO yes|no: whether answers come back, by both families. A kernel that
# just failed to find its neighbour tries again within seconds.
reaches() {
	local to
	for to in "$(address4 "$2")" "$(address6 "$2")" "$(link6 "$2")"; do
		if [ "$3" = yes ]; then
			expect_soon 6 "$1 reaches $to" answers_all "$1" "$to"
		else
			ask_echo "$1" "$to" 3
			[ "$answers" = 0 ] || fail "$1 reaches $to"
		fi
	done
}

reaches alpha beta yes
reaches delta gamma yes
heard_by_all() {
	ask_echo alpha "$1" 1 100
	[ "$sources" = 4 ]
}
for group in $four $six; do
	expect_soon 5 "$group is heard by all 4" heard_by_all $group
done

split alpha beta / gamma delta
reaches alpha beta yes
reaches gamma delta yes
reaches alpha gamma no
reaches delta beta no
heal
reaches alpha gamma yes

# An echo comes back, or not: what is cut is the way there or the way back.
one_way alpha beta
reaches alpha beta no
reaches beta gamma yes
wire_start beta count
ask_echo beta "$(address4 alpha)" 5
[ "$answers" = 0 ] || fail "one_way: $answers answers"
wire_stop beta count >"$W/count"
jq -e '.sent.udp.frames == 5 and .received.udp.frames == 0' "$W/count" \
	>/dev/null || fail "one_way: $(cat "$W/count")"
heal

silence beta
reaches alpha beta no
reaches alpha gamma yes
[ "$(ip -n beta -j link show eth0 | jq -r '.[0].operstate')" = UP ] ||
	fail "silence is seen as a pulled cable"
heal
unplug beta
reaches gamma beta no
ip -n beta link show eth0 | grep -q NO-CARRIER ||
	fail "an unplugged host does not see it"
plug beta
reaches gamma beta yes

reaches alpha beta yes
loss 30
ask_echo alpha "$(address4 beta)" 400 500
# Both ways: 49 of 100 come back.
say "30 % loss: $answers of 400 answers"
[ "$answers" -gt 140 ] && [ "$answers" -lt 255 ] ||
	fail "30 % loss each way gave $answers of 400 answers"
heal

no_multicast
reaches alpha beta yes
for group in $four $six; do
	ask_echo alpha $group 1
	[ "$sources" -le 1 ] || fail "no_multicast: $group has $sources"
done
heal

firewall beta udp dport 7 drop
reaches alpha beta no
reaches beta alpha yes
firewall_off beta
reaches alpha beta yes

old=$(address4 gamma)
renumber gamma 77
reaches alpha gamma yes
ask_echo alpha "$old" 3
[ "$answers" = 0 ] || fail "$old still answers"
interface_down gamma
reaches alpha gamma no
interface_up gamma
reaches alpha gamma yes

delay delta 20
ask_echo alpha "$(address4 delta)" 1 1000 # neighbours are found first
ask_echo alpha "$(address4 delta)" 21 1000
say "a cable of 20 ms: $took us there and back"
[ "$answers" = 21 ] && [ "$took" -ge 39000 ] && [ "$took" -lt 500000 ] ||
	fail "a cable of 20 ms: $answers of 21, $took us"
neighbours_overflown && fail "the table of neighbours was too small"
:
