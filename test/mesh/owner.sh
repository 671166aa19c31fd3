#!/usr/bin/env bash
# A node that runs as a user of its own, as the packaged service does: root
# commands it, at the socket it is told and at the service's usual place; other
# users do not, and root does not write where such a node says.
. "$(dirname "$0")/lib.bash"

USER_ID=61000

[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || skip "not root"
# /run becomes the test's own: the service's place is found there.
if [ -z "${OWN_RUN:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespaces"
	rm -rf "$W"
	OWN_RUN=1 exec unshare -m "$BASH" "$0"
fi
mount -t tmpfs -o mode=755 run /run || skip "no mounts"
unset XDG_RUNTIME_DIR RUNTIME_DIRECTORY

# What leads to it is root's alone, perhaps: to the binary, too.
chmod 711 "$W"
install -m 755 "$POSTHOUSE" "$W/posthouse"
install -d -o $USER_ID "$W/state"
install -d -o $USER_ID -m 755 /run/posthouse
setpriv --reuid $USER_ID --regid $USER_ID --clear-groups \
	env RUNTIME_DIRECTORY=/run/posthouse "$W/posthouse" up --name alpha \
	--state "$W/state" --listen 127.0.0.1:0 --http off \
	>"$W/alpha.log" 2>&1 </dev/null {NAP}>&- &
MINE[$!]=alpha

at() { timeout 60 "$POSTHOUSE" "${@:2}" --socket "$1"; }
expect_soon 15 "it answers root" at /run/posthouse/posthouse.sock health
for runtime in "" /run/user/0; do
	expect_exit 0 env XDG_RUNTIME_DIR=$runtime timeout 60 "$POSTHOUSE" status
	expect_said alpha
done
say "root finds it, and is heard: ok"

if command -v "${CC:-cc}" >/dev/null && [ "$BUILD" = "$PWD/build" ]; then
	"${CC:-cc}" -Ilibrary -o "$W/upper" examples/client/upper.c \
		"$BUILD/libposthouse.a" || fail "the example does not build"
	"$W/upper" >"$W/upper.log" 2>&1 </dev/null {NAP}>&- &
	MINE[$!]=upper
	attached() { "$POSTHOUSE" servers | grep -q upper; }
	expect_soon 10 "root's program is attached" attached
	say "root's programs attach: ok"
fi

expect_exit 5 timeout 60 "$POSTHOUSE" up --name beta --state "$W/beta" \
	--listen 127.0.0.1:0 --http off
expect_said /run/posthouse/posthouse.sock "next:"
say "root's own node does not hide behind it: ok"

was=$(sha256sum "$W/state/passphrase")
expect_exit 6 timeout 60 "$POSTHOUSE" passphrase rotate
expect_said "another user" "next:" "--reuid $USER_ID"
[ "$was" = "$(sha256sum "$W/state/passphrase")" ] || fail "it was rotated"
say "root does not write for it: ok"

expect_exit 6 setpriv --reuid 65534 --regid 65534 --clear-groups timeout 60 \
	"$W/posthouse" status --socket /run/posthouse/posthouse.sock
say "another user is turned away: ok"

expect_exit 0 timeout 60 "$POSTHOUSE" down
[ ! -e /run/posthouse/posthouse.sock ] || fail "its socket stayed"
expect_exit 3 timeout 60 "$POSTHOUSE" status
expect_said "/run/posthouse.sock"
say "and stops it: ok"
