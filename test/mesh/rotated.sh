#!/usr/bin/env bash
# A member that restarts with the old passphrase file does not bring the old
# passphrase back.
. "$(dirname "$0")/lib.bash"

logs() { grep -q -- "$2" "$W/$1.log"; }

new_phrase
cp "$PHRASE" "$W/phrase.old"
node_up alpha
node_up beta --join "$(address alpha)"
up() { [ "$(ask "$1" '.items[0].lines' status)" = "$2" ]; }
expect_soon 10 "a line" up beta 1
was=$(cat "$W/alpha/mesh.key" "$W/beta/mesh.key" | sha256sum)
expect_exit 2 ph alpha passphrase rotate --node beta
expect_said "local node only" "next: run it on that machine"
[ ! -e "$W/alpha/passphrase" ] && [ ! -e "$W/beta/passphrase" ] &&
	[ "$was" = "$(cat "$W/alpha/mesh.key" "$W/beta/mesh.key" | sha256sum)" ] ||
	fail "it was written all the same"
say "not at another node: ok"

expect_exit 0 ph alpha passphrase rotate
expect_soon 5 "beta heard" logs beta 'passphrase.rotated by=alpha'
node_stop beta
node_up beta --join "$(address alpha)"
expect_soon 5 "beta says that its file is old" logs beta 'passphrase.old'
node_stop alpha
PHRASE=$W/alpha/passphrase
node_up gamma --join "$(address beta)"
expect_soon 10 "the new passphrase opens beta" up gamma 1
say "rotated stays rotated: ok"

node_stop beta || fail "beta did not stop well"
expect_soon 10 "gamma is alone" up gamma 0
expect_exit 3 ph gamma passphrase rotate
expect_said "kept in" "beta keeps the old passphrase" "next:"
say "who has not got it is named: ok"

# --- a member that cannot find its passphrase begins no mesh of its own

kept=$(sha256sum "$W/gamma/mesh.key")
node_stop gamma
rm -f "$W/gamma/passphrase"
expect_exit 2 timeout 60 "$POSTHOUSE" up --name gamma --state "$W/gamma" \
	--socket "$W/gamma.sock" --listen 127.0.0.1:0 --http off
expect_said "$W/gamma/passphrase" "its passphrase is not here" "next:"
[ ! -e "$W/gamma/passphrase" ] && [ "$kept" = "$(sha256sum "$W/gamma/mesh.key")" ] ||
	fail "it left a passphrase behind"
node_up gamma
say "a lost passphrase is said: ok"
