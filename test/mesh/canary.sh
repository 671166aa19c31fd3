#!/bin/bash
# The passphrase is in its file and nowhere else: not in argv, environment,
# logs, store, children, memory or core.
. "$(dirname "$0")/lib.bash"

new_phrase
words=$(cut -d- -f2- "$PHRASE")
canary=$(cut -d- -f2-4 "$PHRASE") # half of it is too much, too
export LANG=C

# WHERE: fails when the canary is in standard input, also as UTF-16 or hex.
hex=$(printf %s "$canary" | od -An -tx1 | tr -d ' \n')
absent() {
	cat >"$W.haystack"
	for needle in "$canary" "${canary//-/ }" "$hex" "${hex^^}"; do
		! grep -qaF -- "$needle" "$W.haystack" ||
			fail "the passphrase is in $1"
	done
	! tr -d '\0' <"$W.haystack" | grep -qaF -- "$canary" ||
		fail "the passphrase is in $1"
}
N=
on_finish() { rm -rf "$W.haystack" ${N:+"$N"}; }
# The needle must be one that is found.
(absent itself <"$PHRASE") >/dev/null 2>&1 && fail "this test finds nothing"

ulimit -c unlimited 2>/dev/null
# beta has a copy in its state directory, as `up` makes it on a first run.
mkdir -m 700 "$W/beta" && cp "$PHRASE" "$W/beta/passphrase"
node_up alpha --log debug
node_up beta --log debug --join "$(address alpha)"
expect_soon 10 "line" has_lines alpha 1

# What a child sees: itself, its descriptors, its parent.
cat >"$W/spy" <<'END'
#!/bin/bash
{
	tr '\0' '\n' </proc/self/cmdline
	tr '\0' '\n' </proc/self/environ
	env
	ls -l /proc/$$/fd
	for fd in /proc/$$/fd/*; do
		case ${fd##*/} in 0 | 1 | 2 | 255) ;; *) echo "extra: $(readlink "$fd")" ;; esac
	done
} >"$1.new" 2>&1
grep -s 'Max core' /proc/$$/limits >>"$1.new"
mv "$1.new" "$1"
exec {nap}<> <(:)
while :; do read -rt 10 -u "$nap"; done
END
chmod +x "$W/spy"
cat >"$W/spy.yaml" <<END
wiring: 1
name: spy
servers:
  spy: {host: beta, exec: ["$W/spy", "$W/seen"]}
  tick: {host: alpha, use: clock}
  sink: {host: beta, use: "null"}
wires:
  - tick:out -> sink:in
END
expect_exit 0 ph alpha apply "$W/spy.yaml"
expect_soon 10 "the child looked around" test -e "$W/seen"
absent "what a child sees" <"$W/seen"
! grep -q '^extra: .*\(passphrase\|\.key\|\.db\|socket\)' "$W/seen" ||
	fail "a child inherited: $(grep '^extra' "$W/seen")"

# Refused phrases, rotation and every query, in debug logs.
PHRASE=$W/wrong.phrase
echo "$(cut -d- -f1 "$W/phrase")-$("$POSTHOUSE" passphrase |
	cut -d- -f2-)" >"$PHRASE"
node_up gamma --log debug --join "$(address alpha)"
expect_soon 10 "gamma is refused" grep -q 'wrong passphrase' "$W/alpha.log"
for verb in status peers guests menu connections servers health ready; do
	ph alpha $verb --json
	ph alpha $verb
done >"$W/answers" 2>&1
absent "an answer" <"$W/answers"
PHRASE=$W/phrase

# A command while it runs.
"$POSTHOUSE" logs beta/spy --follow --socket "$W/alpha.sock" \
	>/dev/null 2>&1 {NAP}>&- &
MINE[$!]=follower
follower=$!
runs_as() { grep -qa follow "/proc/$1/cmdline"; }
expect_soon 5 "the command runs" runs_as $follower
spy=$(ask beta '.items[] | select(.name == "spy") | .pid' servers)
for pid in ${PID[alpha]} ${PID[beta]} ${PID[gamma]} $follower "$spy"; do
	absent "cmdline of $pid" <"/proc/$pid/cmdline"
	if [ -r "/proc/$pid/environ" ]; then
		absent "environ of $pid" 2>/dev/null <"/proc/$pid/environ"
	fi
done
say "argv, environment, children: ok"

expect_exit 0 ph alpha passphrase rotate
absent "what rotate says" <"$W/said"
new=$(cut -d- -f2-4 "$W/alpha/passphrase")
[ "$new" != "$canary" ] || fail "nothing was rotated"

# Memory is what a core would hold; only root may look, and not in every
# container.
core_limit() { awk '/Max core file size/ {print $5 $6}' "/proc/$1/limits"; }
for name in alpha beta; do
	pid=${PID[$name]}
	[ "$(core_limit "$pid")" = 00 ] ||
		fail "a core of $name may be written: $(core_limit "$pid")"
done
[ "$(core_limit "$spy")" = 00 ] || fail "a core of a child may be written"
# PID: what it could spill. The shadows of sanitizers are terabytes.
MOST=$((256 << 20))
memory() {
	local range rights rest start end
	while read -r range rights rest; do
		case $rights in rw*) ;; *) continue ;; esac
		start=$((16#${range%-*})) end=$((16#${range#*-}))
		[ $((end - start)) -le $MOST ] || continue
		dd if="/proc/$1/mem" bs=4096 skip=$((start / 4096)) \
			count=$(((end - start) / 4096)) 2>/dev/null
	done <"/proc/$1/maps"
} 2>/dev/null
# Those of the thread sanitizer come in many pieces and would fill the disk.
readable() {
	case $BUILD in *thread*) return 1 ;; esac
	[ "$(memory "${PID[alpha]}" | head -c 64 | wc -c)" = 64 ]
}
if readable; then
	for name in alpha beta; do
		memory "${PID[$name]}" >"$W/memory"
		grep -qa "$(cut -d- -f1 "$W/phrase")" "$W/memory" ||
			fail "no memory of $name was read"
		absent "the memory of $name" <"$W/memory"
	done
	rm -f "$W/memory"
	say "memory: ok"
else
	say "memory: needs a root that may trace, skipped"
fi

# The same user may not look into it: it is not dumpable.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	N=$(mktemp -d /tmp/mesh.XXXXXX)
	chmod 711 "$N"
	# The way to the binary may be root's alone.
	install -m 755 "$POSTHOUSE" "$N/posthouse"
	install -d -o 65534 "$N/nobody"
	install -o 65534 -m 600 "$W/phrase" "$N/nobody/phrase"
	as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${as_nobody[@]}" "$N/posthouse" up --name nobody --state \
		"$N/nobody/state" --listen 127.0.0.1:0 --socket \
		"$N/nobody/sock" --passphrase-file "$N/nobody/phrase" \
		>"$W/nobody.log" 2>&1 </dev/null {NAP}>&- &
	PID[nobody]=$! MINE[$!]=nobody
	ln -s "$N/nobody/sock" "$W/nobody.sock"
	pid=${PID[nobody]}
	expect_soon 10 "it is up" test -S "$N/nobody/sock"
	for file in environ mem maps; do
		! "${as_nobody[@]}" head -c 1 "/proc/$pid/$file" \
			>/dev/null 2>&1 ||
			fail "its own user reads /proc/PID/$file"
	done
	! is_gone "$pid" || fail "the node of nobody is gone"
	node_stop nobody
	say "not dumpable: ok"
fi

# An abort leaves nothing behind.
kill -ABRT "${PID[gamma]}"
expect_soon 5 "gamma is dead" is_gone_or_zombie "${PID[gamma]}"
! find "$W" . -maxdepth 1 -name 'core*' -newer "$W/spy" | grep -q . ||
	fail "a core was written"
node_stop alpha
node_stop beta
for file in "$W"/*.log "$W"/*/* ${N:+"$N"/*/*}; do
	[ -f "$file" ] || continue
	case $file in */passphrase | */nobody/phrase) continue ;; esac
	absent "$file" <"$file"
done
for file in "$W"/*/*/*; do
	[ -f "$file" ] && absent "$file" <"$file"
done
[ "$(cut -d- -f2- "$W/beta/passphrase")" = "$words" ] ||
	fail "beta's own file was changed"
say "logs and store: ok"
