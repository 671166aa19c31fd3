#!/bin/bash
# A stream outlives its carriers: a relay between two nodes cuts every carrier
# after 0.1 to 2 s, by RST in mid-frame, by closing, one way only, or leaving
# one end half open, while random bytes flow. What arrives is what was sent,
# both programs run once, and the sender keeps no more than its window.
# PH_SEED repeats the cuts' moments; PH_OVER=ws:// does it over WebSocket, PH_MIB
# with so much.
. "$(dirname "$0")/anew.bash"
. "$(dirname "$0")/lib.bash"

size=$((${PH_MIB:-64} << 20))
rate=$((8 << 20))
if full; then
	size=$((4 << 30))
	rate=$((60 << 20))
fi
: "${PH_SEED:=$(($(date +%s%N) / 1000))}"
say "PH_SEED=$PH_SEED, $((size >> 20)) MiB"

${CC:-cc} -O2 -D_GNU_SOURCE -o "$W/relay" "$(dirname "$0")/relay.c" ||
	fail "the relay does not compile"
new_phrase
[ -z "${PH_OVER:=}" ] || ADDRESS[alpha]=${PH_OVER}127.0.0.1:0
[ -z "$PH_OVER" ] || ADDRESS[beta]=${PH_OVER}127.0.0.1:0
node_up beta
"$W/relay" "$(address beta | sed 's/.*://')" "$PH_SEED" $rate \
	>"$W/cuts" 2>&1 {NAP}>&- &
relay=$!
MINE[$relay]=relay
expect_soon 5 "the relay listens" test -s "$W/cuts"
# What was joined is dialled first: beta is reached by way of the relay.
node_up alpha --join "${PH_OVER}127.0.0.1:$(head -n 1 "$W/cuts")"
expect_soon 15 "the line is up" has_lines alpha 1

# Programs, so that one that is started twice is seen: it says so.
cat >"$W/source" <<'END'
#!/bin/bash
echo source >>"$2"
# What a program leaves running ends with it: the sum is waited for.
exec {sum}> >(sha256sum >"$3.part"; mv "$3.part" "$3")
summing=$!
head -c "$1" /dev/urandom | tee "/dev/fd/$sum"
exec {sum}>&-
wait $summing
END
cat >"$W/target" <<'END'
#!/bin/bash
echo target >>"$1"
sha256sum >"$2.part" && mv "$2.part" "$2"
END
chmod +x "$W/source" "$W/target"
wiring() { # NAME SIZE
	cat >"$W/$1.yaml" <<-END
	wiring: 1
	name: $1
	servers:
	  source: {host: alpha, exec: ["$W/source", "$2", "$W/$1.starts", "$W/$1.sent"]}
	  target: {host: beta, exec: ["$W/target", "$W/$1.starts", "$W/$1.got"]}
	wires:
	  - source:stdout -> target:stdin
	END
}

memory() { awk '/^'"$1"':/ {print $2}' "/proc/${PID[alpha]}/status"; }
applied() { ph alpha apply "$W/$1.yaml"; }
unapplied() { ph alpha unapply "$1"; }

# A little goes first, so that what is measured is the stream's and not the
# binary's own pages.
wiring little $((512 << 10))
expect_soon 30 "applied" applied little
expect_soon 30 "little arrived" test -s "$W/little.got"
expect_soon 15 "reason end" all_ended alpha
expect_soon 30 "unapplied" unapplied little

wiring resume $size
expect_soon 30 "applied" applied resume
# From here on the peak counts: joining took memory for the passphrase. A node
# is not dumpable; only a root that may trace begins its peak anew.
grown=$((5 * 1024)) # window, pipe, and what one carrier takes
case $BUILD in *address* | *thread*) grown= ;; esac
{ echo 5 >"/proc/${PID[alpha]}/clear_refs"; } 2>/dev/null || grown=
before=$(memory VmRSS)
dialing() {
	holds alpha 'any(.items[]; .state == "dialing")' connections ||
		grep -qE 'connection.state .* from=(open|flowing|idle|blocked) to=dialing' \
			"$W/alpha.log"
}
# While a carrier is away the connection says so, be it for a moment that asking
# from outside misses.
dialing_or_over() { dialing || test -s "$W/resume.got"; }
expect_soon 30 "the connection is seen redialling" dialing_or_over
dialing || {
	say "it went past the relay"
	exit 99
}
expect_soon $((60 + size / rate * 6)) "all arrived" test -s "$W/resume.got"
expect_soon 15 "reason end" all_ended alpha
peak=$(memory VmHWM)

cmp -s <(cut -d' ' -f1 "$W/resume.sent") <(cut -d' ' -f1 "$W/resume.got") ||
	fail "what arrived is not what was sent"
[ "$(sort "$W/resume.starts" | tr '\n' ' ')" = "source target " ] ||
	fail "a program was started twice: $(tr '\n' ' ' <"$W/resume.starts")"
bytes=$(ask alpha '.items[0].received.bytes' connections)
[ "$bytes" = $size ] || fail "$bytes bytes were counted as received"
resumed=$(grep -c 'wire resumed' "$W/alpha.log")
cuts=$(grep -c '^cut' "$W/cuts")
say "$cuts cuts, resumed $resumed times," \
	"the sender grew by $((peak - before)) KiB at most"
# Of little, not every run sees many.
[ "$resumed" -ge $((size >= 64 << 20 ? 3 : 1)) ] || fail "carriers were cut only $resumed times"
# The first carrier may be cut before the stream begins; from then on it holds.
id=$(ask alpha '.items[0].id' connections)
sed "1,/state id=$id .* to=open/d" "$W/alpha.log" |
	grep -q "state id=$id .* to=failed" &&
	fail "the connection failed in between"
[ -z "$grown" ] || [ $((peak - before)) -le $grown ] ||
	fail "the sender grew by $((peak - before)) KiB"
