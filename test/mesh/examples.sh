#!/bin/bash
# The examples with real programs, run: a backup that comes back, a film that
# is one, logs of several machines that come together. What an example wants
# and is not here is told, and left out.
. "$(dirname "$0")/lib.bash"
EXAMPLES=$(cd "$(dirname "$0")/../../examples" && pwd)
new_phrase

# NAME FILE NODE...: nodes under the names the file speaks of.
nodes_up() {
	local first=$1 name
	node_up "$first"
	shift
	for name; do
		node_launch "$name" --join "$(address "$first")"
	done
	expect_soon 15 "lines of $first" has_lines "$first" $#
}
nodes_down() {
	local name
	for name; do node_kill "$name"; done
}

# --- backup: tar, zstd and openssl on one, the file on another
mkdir -p "$W/home/deep/er"
random_file 3000000 "$W/home/noise"
cp "$POSTHOUSE" "$W/home/deep/er/program"
seq 100000 >"$W/home/deep/numbers"
head -c 32 /dev/urandom >"$W/key"
nodes_up desk nas
FROM=$W/home KEY=$W/key TO=$W/kept \
	expect_exit 0 ph desk apply "$EXAMPLES/backup.yaml"
expect_soon 20 "the backup ended" all_ended desk
expect_soon 10 "the file is there" [ -s "$W/kept" ]
grep -aq "deep/numbers" "$W/kept" && fail "it is kept in the clear"
mkdir "$W/back"
openssl enc -d -aes-256-ctr -pbkdf2 -pass "file:$W/key" -in "$W/kept" |
	zstd -dc | tar -x -C "$W/back" || fail "it cannot be unpacked"
diff -r "$W/home" "$W/back" || fail "what came back is something else"
say "backup: the same files came back"
nodes_down nas desk

# --- logs: three machines, one file, a pager for errors
nodes_up hub web1 web2 web3
for web in web1 web2 web3; do : >"$W/$web.syslog"; done
sed -e "s|/srv/logs/all|$W/all|; s|\[notify, --stdin\]|[tee, $W/paged]|" \
	-e "s|\"\${LOG:-/var/log/syslog}\"|\"$W/\${web}.syslog\"|" \
	-e 's|{at: [^ ]*lan:7678"*}|{}|' "$EXAMPLES/logs.yaml" >"$W/logs.yaml"
expect_exit 0 ph hub apply "$W/logs.yaml"
expect_soon 15 "it is wired" ph hub ready
# tail(1) may open its file a moment after it runs: say it until it is heard.
heard() {
	for web in web1 web2 web3; do
		grep -q "hello of $web" "$W/all" 2>/dev/null && continue
		echo "hello of $web" >>"$W/$web.syslog"
		return 1
	done
}
expect_soon 20 "all three are heard" heard
for web in web1 web2 web3; do
	printf 'all is well\n%s: Error: disk full\n' $web >>"$W/$web.syslog"
done
paged() { [ "$(sort -u "$W/paged" 2>/dev/null | grep -c Error)" = 3 ]; }
expect_soon 15 "the pager hears of three errors" paged
grep -v Error "$W/paged" && fail "the pager hears of more than errors"
say "logs: fan-in, fan-out, a filter"
nodes_down web1 web2 web3 hub

# --- camera: ffmpeg's test picture, encoded, recorded
if ! command -v ffmpeg >/dev/null; then
	say "camera: left out, ffmpeg is not here"
	exit 0
fi
nodes_up nas gpu1 pi4
LONG=2 TO=$W/film.mkv expect_exit 0 ph nas apply "$EXAMPLES/camera.yaml"
expect_soon 30 "the film ended" [ -s "$W/film.mkv" ]
frames=$(ffprobe -v error -count_frames -show_entries stream=nb_read_frames \
	-of csv=p=0 "$W/film.mkv")
[ "${frames%,}" = 50 ] || fail "not 50 pictures but: $frames"
say "camera: 50 pictures recorded"
