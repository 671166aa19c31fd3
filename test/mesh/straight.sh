#!/bin/bash
# Two programs of one node, one straight into the other, where the pages move
# without being copied: every byte arrives and is counted, a tap looks in while
# they flow, a filter comes and goes, and a program that is killed in the middle
# never leaves a part that looks whole.
. "$(dirname "$0")/lib.bash"

size=$((64 << 20))
full && size=$((256 << 20))

new_phrase
node_up alpha
random_file $size "$W/in"
head -c $((8 << 20)) "$W/in" >"$W/less"

# 128 KiB at a time: about a second for all of the 8 MiB.
cat >"$W/slowly" <<'END'
#!/bin/bash
exec {nap}<> <(:) 3>&1
while n=$(head -c 131072 | tee /dev/fd/3 | wc -c); [ "$n" -gt 0 ]; do
	read -rt 0.008 -u "$nap" || :
done
END
# The rest of it only when the gate is there: a middle to be killed in.
cat >"$W/halves" <<'END'
#!/bin/bash
# FILE SIZE GATE
head -c $(($2 / 2)) "$1"
exec {nap}<> <(:)
until [ -e "$3" ]; do read -rt 0.02 -u "$nap" || :; done
tail -c +$(($2 / 2 + 1)) "$1"
END
# Until it is stopped.
cat >"$W/count" <<'END'
#!/bin/bash
exec {nap}<> <(:)
until [ -e "$1" ]; do
	seq 100000
	read -rt 0.01 -u "$nap" || :
done
END
chmod +x "$W/slowly" "$W/halves" "$W/count"

# FIRST SECOND: two commands and their wire; the second leaves $W/sum.
write_wiring() {
	cat >"$W/two.yaml" <<-END
		wiring: 1
		name: two
		servers:
		  first: {exec: [sh, -c, "$1"]}
		  copy: {exec: [cat]}
		  second: {exec: [sh, -c, "$2 | sha256sum >$W/part && mv $W/part $W/sum"]}
		wires:
		  - first:stdout -> second:stdin
	END
	rm -f "$W/sum"
}

# FILE: the sum that was left is the file's.
is_sum_of() {
	[ "$(cat "$W/sum")" = "$(sha256sum <"$1")" ] ||
		fail "what came out is not what went in"
}

# BYTES: both ends of the newest connection counted them, all.
counted() {
	holds alpha ".items[-1] | .sent.bytes == $1 and .received.bytes == $1 and
		.sent.messages == .received.messages and
		.dropped.bytes == 0 and .queue.bytes == 0" connections
}

pid_of() {
	ask alpha ".items[] | select(.name == \"$1\" or .server == \"$1\") | .pid" \
		servers
}

is_another() { # SERVER PID
	local pid
	pid=$(pid_of "$1")
	[ "${pid:-0}" -gt 0 ] && [ "$pid" != "$2" ]
}

received() { holds alpha ".items[-1].received.bytes >= $1" connections; }

write_wiring "cat $W/in | cat" "cat"
expect_exit 0 ph alpha apply "$W/two.yaml"
expect_soon 60 "the sum is there" test -e "$W/sum"
is_sum_of "$W/in"
expect_soon 10 "the connection ended" all_ended alpha
counted $size || fail "not $size: $(ph alpha connections --json)"
expect_exit 0 ph alpha unapply two

write_wiring "$W/slowly <$W/less" cat
expect_exit 0 ph alpha apply "$W/two.yaml"
expect_soon 20 "bytes flow" received $((1 << 20))
expect_exit 0 ph alpha tap alpha/first:stdout -n 3 --json
[ "$(jq '.items | length' "$W/said")" = 3 ] || fail "no tap: $(cat "$W/said")"
expect_soon 30 "the sum is there" test -e "$W/sum"
is_sum_of "$W/less"
counted $((8 << 20)) || fail "not 8 MiB: $(ph alpha connections --json)"
expect_exit 0 ph alpha unapply two

for victim in first second; do
	rm -f "$W/gate"
	write_wiring "$W/halves $W/less $((8 << 20)) $W/gate" cat
	expect_exit 0 ph alpha apply "$W/two.yaml"
	expect_soon 20 "half of it is there" received $((4 << 20))
	pid=$(pid_of $victim)
	kill -9 "$pid" || fail "no pid of $victim"
	expect_soon 20 "$victim is started again" is_another $victim "$pid"
	[ ! -e "$W/sum" ] || fail "half a stream was taken for a whole one"
	touch "$W/gate"
	expect_soon 40 "the sum is there, $victim was killed" test -e "$W/sum"
	is_sum_of "$W/less"
	expect_exit 0 ph alpha unapply two
	say "$victim was killed in the middle"
done

# A filter, itself a program, comes and goes.
write_wiring "$W/count $W/stop | tee $W/given" cat
expect_exit 0 ph alpha apply "$W/two.yaml"
expect_soon 20 "bytes flow" received $((1 << 20))
id=$(ask alpha '.items[-1].id' connections)
more() {
	local now
	now=$(ask alpha '.items[-1].received.bytes' connections)
	expect_soon 20 "more flows" received $((now + (1 << 20)))
}
for round in 1 2 3 4 5; do
	expect_soon 10 "the filter comes in" ph alpha interpose "$id" copy
	more
	expect_exit 0 ph alpha withdraw "$id" copy
	more
done
touch "$W/stop"
expect_soon 30 "the sum is there" test -e "$W/sum"
is_sum_of "$W/given"
say "$round times a filter came and went, $(stat -c %s "$W/given") bytes"
expect_exit 0 ph alpha unapply two

# A reader that takes nothing: the writer is held, the node holds nothing.
write_wiring "cat $W/in" "{ read -r x <$W/go; cat; }"
mkfifo "$W/go"
exec {GO}<>"$W/go"
expect_exit 0 ph alpha apply "$W/two.yaml"
is_held() {
	holds alpha ".items[-1] | .blocked_ns > 0 and .queue.bytes == 0 and
		.received.bytes >= 65536 and .received.bytes < 4194304" connections
}
expect_soon 20 "the writer is held" is_held
echo go >&$GO
expect_soon 60 "the sum is there" test -e "$W/sum"
is_sum_of "$W/in"
node_stop alpha || fail "alpha ended with $?"
say "straight: done"
