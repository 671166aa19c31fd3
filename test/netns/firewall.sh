#!/bin/bash
# A packet filter of more than twenty patterns between two hosts, over both
# families: the matrix of a probe is what the filter is. Each pattern has a port
# of the beacon's range; the truth stands beside it. No foreign service is sent
# a byte.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/members.bash"

BUSY=$BUILD/test/netns/busy
hosts alpha beta
new_phrase
key_known alpha beta

# NAME FIRST LAST MODE: foreign services on beta.
busy() {
	nsenter --net=/run/netns/beta "$BUSY" "$2" "$3" "$4" >"$W/busy.$1" \
		2>&1 </dev/null {NAP}>&- &
	PID[busy.$1]=$!
	MINE[$!]=busy.$1
	expect_soon 5 "foreign service $1" grep -q ready "$W/busy.$1"
}
busy silent 20040 20040 silent
busy talker 20041 20041 talk
busy bound 20042 20042 bound

# PORT IPV4 IPV6: the truth, `tcp` or `tcp/tls`.
truth=
is() { truth+="$1 10.77.0.2 $2"$'\n'"$1 fd77::2 ${3:-$2}"$'\n'; }
alpha= beta= air= nat=
v=open-verified f=open-foreign t=timeout r=refused u=unreachable

beta+='tcp dport 20000 drop;'                          ; is 20000 $t
is 20001 $v/$v
beta+='tcp dport 20002 reject with tcp reset;'         ; is 20002 $r
beta+='tcp dport 20003 reject with icmpx port-unreachable;' ; is 20003 $r
beta+='tcp dport 20004 reject with icmpx host-unreachable;' ; is 20004 $u
beta+='tcp dport 20005 reject with icmpx admin-prohibited;' ; is 20005 $u denied
beta+='tcp dport 20006 reject with icmpx no-route;'    ; is 20006 $u
# The kernel goes on trying what its own filter eats.
alpha+='tcp dport 20007 drop;'                         ; is 20007 $t
alpha+='tcp dport 20008 reject with tcp reset;'        ; is 20008 $r
beta+='ip daddr 10.77.0.2 tcp dport 20009 drop;'       ; is 20009 $t $v/$v
beta+='ip6 daddr fd77::2 tcp dport 20010 drop;'        ; is 20010 $v/$v $t
# Half a connection: nothing comes back; SYNs only; our answers are eaten.
back='tcp sport 20011 drop;'                           ; is 20011 $t
back+='tcp sport 20012 tcp flags & psh == psh drop;'      ; is 20012 $f
beta+='tcp dport 20013 tcp flags & psh == psh drop;'      ; is 20013 $f
# Beyond a NAT: the beacon at another port; another service altogether.
nat+='tcp dport 20014 redirect to :20030;'             ; is 20014 $v/$v
nat+='tcp dport 20015 redirect to :20040;'             ; is 20015 $f
nat+='tcp dport 20016 redirect to :9;'                 ; is 20016 $r
# The first packet is lost: a second one gets through.
beta+='tcp dport 20017 meta nfproto ipv4 ip saddr != @seen4 add @seen4 { ip saddr } drop;'
beta+='tcp dport 20017 meta nfproto ipv6 ip6 saddr != @seen6 add @seen6 { ip6 saddr } drop;'
is 20017 $v/$v
# TLS is looked for and reset; TLS is eaten.
beta+='tcp dport 20018 @th,256,8 0x16 reject with tcp reset;' ; is 20018 $v/$f
beta+='tcp dport 20019 @th,256,8 0x16 drop;'           ; is 20019 $v/$t
air+='tcp dport 20020 drop;'                           ; is 20020 $t
air+='ip6 nexthdr tcp tcp dport 20021 drop;'           ; is 20021 $v/$v $t
is 20022 $v/$v
is 20040 $f
is 20041 $f
is 20042 $r
for port in {20023..20039} {20043..20049}; do is $port $v/$v; done

nft_host alpha <<END || fail "nft of alpha"
table inet wall {
	chain output { type filter hook output priority 0; ${alpha//;/
	} }
}
END
nft_host beta <<END || fail "nft of beta"
table inet wall {
	set seen4 { type ipv4_addr; flags dynamic; size 16; }
	set seen6 { type ipv6_addr; flags dynamic; size 16; }
	chain input { type filter hook input priority 0; ${beta//;/
	} }
	chain output { type filter hook output priority 0; ${back//;/
	} }
	chain before { type nat hook prerouting priority -100; ${nat//;/
	} }
}
END
nft_sw <<END || fail "nft of the switch"
table bridge air {
	chain forward { ${air//;/
	} }
}
END

node_up alpha --probe-peers on
node_up beta --join "$(address alpha)" --beacon-range 20000-20049
expect_soon 15 "they know each other" has_lines alpha 1

# Both sides must want it.
ph alpha probe beta >"$W/refused" 2>&1
[ $? = 6 ] || fail "beta was probed without its leave: $(<"$W/refused")"
node_kill beta
node_up beta --join "$(address alpha)" --beacon-range 20000-20049 \
	--probe-peers on
expect_soon 15 "they know each other again" has_lines alpha 1

begin=$(clock_ms)
ph alpha probe beta --json >"$W/matrix" 2>"$W/progress" ||
	fail "the probe: $(<"$W/progress")"
took=$(($(clock_ms) - begin))
grep -q 'of 100 points' "$W/progress" || fail "no progress was told"
jq -r '.items | group_by([.port, .address])[] | sort_by(.transport) |
	"\(.[0].port) \(.[0].address) \([.[].verdict] | join("/"))"' \
	"$W/matrix" | sort >"$W/seen"
printf %s "$truth" | sort >"$W/truth"
diff "$W/truth" "$W/seen" >"$W/diff" ||
	fail "truth (<) and matrix (>) differ: $(<"$W/diff")"
[ "$(jq '.items[] | select(.port == 20014 and .address == "10.77.0.2" and
	.transport == "tcp").mapped_port' "$W/matrix")" = 20030 ] ||
	fail "a port that was mapped is not told"
jq -e '.items | all(has("address") and has("port") and has("transport") and
	has("verdict") and has("rtt_us"))' "$W/matrix" >/dev/null ||
	fail "fields are missing"
# What is known now is not tried again.
ph alpha probe beta --new --json >"$W/again" 2>"$W/progress" ||
	fail "the second probe: $(<"$W/progress")"
tried=$(jq '[.items[] | select(.verdict != "skipped")] | length' "$W/again")
[ "$tried" -le 10 ] || fail "$tried of 100 points were tried again"
# For people ports of one verdict share a line.
ph alpha probe beta --new 2>&1 | grep -q 'were known already' ||
	fail "it is not said that all was known"
ph alpha doctor beta >"$W/doctor"
rows=$(ph alpha reach beta --json | jq '.items | length')
[ "$(wc -l <"$W/doctor")" -lt $((rows / 2)) ] ||
	fail "doctor folds nothing: $(wc -l <"$W/doctor") lines, $rows rows"
ph alpha probe beta --range 19000-19010 >/dev/null 2>&1
[ $? = 6 ] || fail "a range that is not beta's was probed"

# A range too large for one beacon: part by part, and no address is left out.
# 200 connects a second make 20 s a part; with few descriptors parts are small.
in_parts() { # LAST: from 30000 on
	ph alpha probe local --range 30000-$1 --json >"$W/large" \
		2>"$W/progress" || fail "the parts: $(<"$W/progress")"
	jq -e "[.items[] | select(.transport == \"tcp\" and
		.verdict == \"open-verified\")] |
		group_by(.address) | length > 2 and
		all([.[].port] | sort == [range(30000; $1 + 1)])" "$W/large" \
		>/dev/null || fail "not all of it: $(jq -c '.items |
		group_by(.address) | map([.[0].address, length])' "$W/large")"
	parts=$(grep -o '^3[0-9]*-3[0-9]*' "$W/progress" | sort -u | wc -l)
	say "$(($1 - 29999)) ports by all addresses, in $((parts + 1)) parts: whole"
	[ "$parts" -ge 1 ] || fail "the parts are not told: $(<"$W/progress")"
}
full && in_parts 31499
prlimit --nofile=300:300 --pid "${PID[alpha]}" || fail "prlimit"
in_parts 30049

for name in silent talker; do
	kill -TERM "${PID[busy.$name]}"
	wait "${PID[busy.$name]}"
	unset "MINE[${PID[busy.$name]}]" "PID[busy.$name]"
	tail -n 1 "$W/busy.$name" | grep -Eq '^connections [1-9][0-9]* bytes 0$' ||
		fail "the foreign $name saw: $(tail -n 1 "$W/busy.$name")"
done
say "22 patterns, two families: every verdict is right; $took ms for 100 points"
