#!/usr/bin/env bash
# The main job on one machine: three nodes that enrol with a fresh passphrase,
# programs of all three wired into one pipeline by one wiring file.
#
#   alpha  reads a real file
#   beta   compresses it with gzip
#   gamma  writes the result
#
# KEEP=1 leaves the nodes running. Exit 0 when the result, decompressed, is the
# file that was read.
set -u -o pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
posthouse=${POSTHOUSE:-$here/build/posthouse}
bytes=${DEMO_BYTES:-$((96 * 1024 * 1024))}
work=$(mktemp -d "${TMPDIR:-/tmp}/posthouse-demo.XXXXXX") || exit 1
pids=()
unset POSTHOUSE_SOCKET POSTHOUSE_STATE POSTHOUSE_LISTEN POSTHOUSE_JOIN

bold=''; dim=''; plain=''; tty=
if [ -t 1 ]; then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m' tty=1
fi

say() { printf '%s%s%s\n' "$bold" "$*" "$plain"; }

# Waits without sleeping away what could be done: reads nothing for a moment.
breathe() { read -r -t "$1" <> <(:) || :; }

ask() { "$posthouse" "$@" --socket "$work/alpha.sock"; }

finish() {
	local code=$?
	if [ -n "${KEEP:-}" ] && [ "$code" = 0 ]; then
		return
	fi
	if [ "$code" != 0 ]; then
		printf '\n%s\n' "demo: failed; what the nodes said last:" >&2
		tail -n 5 "$work"/*.log >&2
	fi
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

start() {
	local name=$1
	shift
	"$posthouse" up --name "$name" --state "$work/$name" \
		--listen 127.0.0.1:0 --socket "$work/$name.sock" \
		--passphrase-file "$work/passphrase" --http 127.0.0.1:0 "$@" \
		</dev/null >/dev/null 2>"$work/$name.log" &
	pids+=($!)
}

# Polls a command until it succeeds, 10 s at most.
await() {
	local until=$((SECONDS + 10))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $until ]; then
			echo "demo: gave up waiting for: $*" >&2
			exit 1
		fi
		breathe 0.05
	done
}

lines_up() { [ "$(ask status --json | grep -o '"lines":[0-9]*')" = '"lines":2' ]; }

make_input() {
	# Real bytes: programs and libraries of this machine, again and again
	# until there are enough.
	while find /usr/bin /usr/lib -xdev -type f -size +16k -print0; do
		:
	done 2>/dev/null | xargs -0 cat 2>/dev/null | head -c "$bytes" \
		>"$work/input"
	[ "$(stat -c %s "$work/input")" = "$bytes" ]
}

bar() {
	local done=$1 width=40 filled
	filled=$((done * width / bytes))
	printf '%s%*s' "$(printf '%*s' "$filled" '' | tr ' ' '#')" \
		$((width - filled)) ''
}

number() { # KEY in the item of the connection that starts with FROM
	printf '%s' "$flows" | tr '{' '\n' |
		awk -v from="$1" -v key="\"$2\":" '
			index($0, "\"from\":\"" from) { here = 1 }
			here && index(last, key) { sub(/[^0-9]*/, ""); print $0 + 0; exit }
			{ last = $0 }'
}

progress() {
	local sent written
	flows=$(ask connections --json 2>/dev/null) || return 0
	sent=$(number alpha/source:out sent)
	written=$(number beta/squeeze:stdout received)
	printf '  read %4d MB [%s] %3d %%   written %4d MB' \
		$((${sent:-0} / 1000000)) "$(bar "${sent:-0}")" \
		$((${sent:-0} * 100 / bytes)) $((${written:-0} / 1000000))
}

all_closed() {
	flows=$(ask connections --json 2>/dev/null) || return 1
	[ "$(grep -o '"state":"closed"' <<<"$flows" | wc -l)" = 2 ]
}

say "posthouse demo: a pipeline across three nodes"
[ -x "$posthouse" ] || { echo "demo: $posthouse: build it with make" >&2; exit 1; }
make_input || { echo "demo: cannot make the input file" >&2; exit 1; }
(umask 077 && "$posthouse" passphrase >"$work/passphrase")

start alpha
await ask status
port=$(ask status --json | grep -o '"listen":\["[^"]*"' | grep -o '[0-9]*"$')
start beta --join "127.0.0.1:${port%\"}"
start gamma --join "127.0.0.1:${port%\"}"
await lines_up

say $'\nThe nodes (enrolled by the generated passphrase):'
ask peers | cut -c1-100

sed -e "s|@WORK@|$work|g" "$here/examples/demo/demo.yaml" >"$work/demo.yaml"
say $'\nThe wiring file:'
sed -e 's/^/  /' "$work/demo.yaml"

say $'\nposthouse apply demo.yaml'
ask apply "$work/demo.yaml" || exit 1

say $'\nThe flow:'
deadline=$((SECONDS + 300))
until all_closed; do
	if [ -n "$tty" ]; then
		printf '\r%s' "$(progress)"
		breathe 0.2
	else
		printf '%s\n' "$(progress)"
		breathe 1
	fi
	if [ $SECONDS -ge $deadline ]; then
		echo "demo: the pipeline did not finish in 5 minutes" >&2
		exit 1
	fi
done
[ -n "$tty" ] && printf '\r%s\n' "$(progress)"
echo
ask connections

say $'\nThe result, decompressed and compared:'
if ! gzip -dc "$work/output.gz" | cmp - "$work/input"; then
	echo "demo: the result differs from the input" >&2
	exit 1
fi
printf '  %s bytes were read on alpha, %s written on gamma: the same, decompressed\n' \
	"$bytes" "$(stat -c %s "$work/output.gz")"
say "ok"

if [ -n "${KEEP:-}" ]; then
	cat <<END

The three nodes are still running. The page of alpha:
  $(ask status --json | grep -o 'http://[^"]*')
Try:
  export POSTHOUSE_SOCKET=$work/alpha.sock
  $posthouse top
  $posthouse menu beta
  $posthouse show alpha/source
  $posthouse unapply demo && $posthouse apply $work/demo.yaml
End them with:
  kill ${pids[*]}; rm -rf $work
END
fi
exit 0
