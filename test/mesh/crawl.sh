#!/bin/bash
# A consumer that takes one byte a second, here and at another node, under a
# policy that waits and one that drops: however much its source has, the nodes
# grow by what a connection may hold and no more.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "the line is up" has_lines beta 1
cat >"$W/crawl" <<'END'
#!/bin/bash
exec {nap}<> <(:)
while dd bs=1 count=1 of=/dev/null status=none; do
	echo >>"$1"
	read -rt 1 -u "$nap"
done
END
chmod +x "$W/crawl"
consumers="alpha-block alpha-drop-oldest beta-block beta-drop-oldest"
{
	printf 'wiring: 1\nname: full\nservers:\n'
	for who in $consumers; do
		echo "  from-$who: {host: alpha, exec: [cat, /dev/zero]}"
		echo "  $who: {host: ${who%%-*}," \
			"exec: [$W/crawl, $W/$who.taken]}"
	done
	echo 'wires:'
	for who in $consumers; do
		echo "  - {from: \"from-$who:stdout\", to: $who, on_full: ${who#*-}}"
	done
} >"$W/full.yaml"
memory() { awk '/^'"$2"':/ {print $2}' "/proc/${PID[$1]}/status"; }
taken() { # BYTES by each
	for who in $consumers; do
		[ "$(wc -l <"$W/$who.taken")" -ge "$1" ] || return
	done
}

# The pages that only the first stream touches are not the connection's.
random_file 4096 "$W/little"
cat >"$W/little.yaml" <<END
wiring: 1
name: little
servers:
  source: {host: alpha, use: file.read, with: {path: $W/little}}
  target: {host: beta, use: file.write, with: {path: $W/little.out}}
wires:
  - source:out -> target:in
END
expect_exit 0 ph alpha apply "$W/little.yaml"
expect_soon 10 "reason end" all_ended alpha
expect_exit 0 ph alpha unapply little

declare -A before=()
for node in alpha beta; do
	{ echo 5 >"/proc/${PID[$node]}/clear_refs"; } 2>/dev/null ||
		skip "the peak cannot be begun anew"
	before[$node]=$(memory $node VmRSS)
done
expect_exit 0 ph alpha apply "$W/full.yaml"
expect_soon 30 "each took some bytes" taken 4
for node in alpha beta; do
	grown=$(($(memory $node VmHWM) - before[$node]))
	say "$node grew by $grown KiB at most"
	case $BUILD in *address* | *thread*) continue ;; esac
	# A pipe of 1 MiB each; to another node what a sender keeps, 4 MiB.
	[ $grown -le $((12 << 10)) ] || fail "$node grew by $grown KiB"
done
say "crawl: done"
