#!/bin/bash
# Who comes in, and what one hears who does not: outside one answer for every
# reason, inside the log tells. And starting where one must not.
. "$(dirname "$0")/lib.bash"

logs() { grep -q "$2" "$W/$1.log"; }
counts() { grep -c "$2" "$W/$1.log"; }
no_lines() { has_lines "$1" 0; }

# --- a known node needs its key, not the passphrase

new_phrase
cp "$PHRASE" "$W/phrase.right"
mesh=$(cut -d- -f1 "$PHRASE")
echo "$mesh-$("$POSTHOUSE" passphrase | cut -d- -f2-)" >"$W/phrase.wrong"
"$POSTHOUSE" passphrase >"$W/phrase.foreign"

# A second address; a container may have no IPv6.
second='[::1]'
[ -s /proc/net/if_inet6 ] || second=127.0.0.2
node_up alpha --listen "$second:0"
alpha6=$(ask alpha ".items[0].listen[] | select(startswith(\"$second\"))" status)
node_up beta --join "$(address alpha)"
expect_soon 10 "beta came in by the passphrase" has_lines alpha 1
holds beta '.items[0].proven_by == "passphrase" and .items[0].role == "exec"
	and (.items[0].state | IN("alive", "suspect")) and .items[0].line == "up"' peers ||
	fail "peers: $(ask beta . peers)"

# Both restart, beta with wrong words: no passphrase is asked for again.
node_kill alpha
expect_soon 10 "beta sees that alpha is gone" no_lines beta
node_up alpha --listen "$alpha6"
expect_soon 10 "the line came back by itself" has_lines beta 1
node_stop beta
PHRASE=$W/phrase.wrong
node_up beta
expect_soon 10 "a pinned node is known by its key" has_lines beta 1
! logs alpha 'gate refused' || fail "a known node was refused"
node_stop beta
PHRASE=$W/phrase.right
say "pins: ok"

# --- a known name with another key

mv "$W/beta" "$W/beta.old"
node_up beta --join "$(address alpha)"
expect_soon 10 "the log names the name and what to do" \
	logs alpha 'peer.refused name=beta .*peers forget'
no_lines alpha || fail "another key came in under a known name"
before=$(counts alpha 'peer.refused name=beta')
nap; nap; nap; nap; nap; nap; nap; nap; nap; nap
[ $(($(counts alpha 'peer.refused name=beta') - before)) -le 10 ] ||
	fail "a refused node dials without pause"
expect_exit 0 ph alpha peers forget beta
expect_soon 15 "forgotten, the new key comes in" has_lines alpha 1
expect_exit 4 ph alpha peers forget nobody
expect_said nobody "next:"
say "names: ok"

# --- revoked

expect_exit 0 ph alpha peers revoke beta
expect_soon 5 "the line is closed" no_lines alpha
expect_soon 5 "for both" no_lines beta
expect_soon 10 "and stays closed" logs alpha 'because="its key is revoked"'
! logs beta revoked || fail "outside it was told why"
no_lines alpha || fail "a revoked key came in"
node_stop beta
say "revoked: ok"

# --- a new passphrase; the old one is good for a day

expect_exit 0 ph alpha passphrase rotate
expect_said "$W/alpha/passphrase" "day"
cmp -s "$W/alpha/passphrase" "$W/phrase.right" && fail "the passphrase is the same"
[ "$(stat -c %a "$W/alpha/passphrase")" = 600 ] || fail "not mode 0600"
[ "$(cut -d- -f1 "$W/alpha/passphrase")" = "$mesh" ] ||
	fail "the mesh's public id has changed"
cp "$W/alpha/passphrase" "$W/phrase.new"
PHRASE=$W/phrase.new
node_up gamma --join "$(address alpha)"
expect_soon 10 "the new phrase lets in" has_lines gamma 1
PHRASE=$W/phrase.right
node_up delta --join "$(address alpha)"
expect_soon 10 "so does the old one" has_lines delta 2
expect_soon 5 "a member vouched for the other" logs delta 'mesh vouched'
for name in gamma delta; do
	node_stop $name
done
say "rotate: ok"

# --- what a peer may do

PHRASE=$W/phrase.right
node_up strict --peer-role view
node_up guest --join "$(address strict)"
expect_soon 10 "line" has_lines guest 1
cat >"$W/there.yaml" <<END
wiring: 1
name: there
servers:
  tick: {host: strict, use: clock}
  sink: {host: guest, use: "null"}
wires:
  - tick:out -> sink:in
END
expect_exit 0 ph guest status --node strict
expect_exit 0 ph guest servers --node strict
expect_exit 6 ph guest apply "$W/there.yaml"
expect_said strict "next:"
expect_exit 6 ph guest apply "$W/there.yaml" --node strict
for command in down "token view" "token list"; do
	# shellcheck disable=SC2086
	expect_exit 6 ph guest $command --node strict
	expect_said "whatever its role" "next: make it on that node itself"
done
expect_exit 6 ph guest peers forget guest --node strict
holds strict '.items == []' servers || fail "a viewer started a server"
logs strict 'call.denied peer=guest' || fail "strict's log tells nothing"
node_stop guest
node_stop strict
say "roles: ok"

# --- the wrong passphrase; last, because guesses are counted

said=$(counts alpha 'gate refused')
for kind in wrong foreign; do
	PHRASE=$W/phrase.$kind
	node_up $kind --join "$alpha6"
	expect_soon 10 "alpha's log tells of a refusal" logs alpha \
		"$([ $kind = wrong ] && echo 'wrong passphrase' || echo 'another mesh')"
	expect_soon 10 "the dialler is turned away" logs $kind 'refused peer='
	node_stop $kind
done
# What is outside: the same words, whatever the reason.
reasons() { sed -n 's/.*gate refused peer=[^ ]* //p' "$W/$1.log" | sort -u; }
[ "$(reasons wrong)" = "$(reasons foreign)" ] ||
	fail "outside the reasons differ: $(reasons wrong) / $(reasons foreign)"
! grep -qi 'passphrase' <(reasons wrong) || fail "outside it was told why"
no_lines alpha || fail "somebody came in"
[ "$(counts alpha 'gate refused')" -gt "$said" ] || fail "nothing in the log"
PHRASE=$W/phrase.right
say "wrong passphrase: ok"

# --- starting where one must not

up() { # STATE ADDRESS PHRASE: never comes up
	timeout 60 "$POSTHOUSE" up --name x --state "$1" --listen "$2" \
		--socket "$W/x.sock" --passphrase-file "$3"
}
free=127.0.0.1:0
cp "$W/phrase.right" "$W/group"
chmod 640 "$W/group"
expect_exit 6 up "$W/x" $free "$W/group"
expect_said "$W/group" "0640" "next: chmod 600"
chmod 604 "$W/group"
expect_exit 6 up "$W/x" $free "$W/group"
if [ "$(id -u)" = 0 ]; then
	cp "$W/phrase.right" "$W/theirs"
	chown 65534 "$W/theirs"
	expect_exit 6 up "$W/x" $free "$W/theirs"
	expect_said "another user" "next: chown"
	if command -v setpriv >/dev/null; then
		# What leads to it is root's alone, perhaps: to the
		# binary, too.
		N=$(mktemp -d /tmp/mesh.XXXXXX)
		on_finish() { rm -rf "$N"; }
		chmod 711 "$W" "$N"
		install -d -o 65534 "$N/x"
		install -m 755 "$POSTHOUSE" "$N/posthouse"
		cp "$W/phrase.right" "$N/mine"
		expect_exit 6 setpriv --reuid 65534 --regid 65534 \
			--clear-groups timeout 60 "$N/posthouse" up --name x \
			--state "$N/x/state" --listen $free --socket \
			"$N/x/sock" --passphrase-file "$N/mine"
		expect_said "$N/mine" "cannot be read" "next:"
		# Nor may another user talk to this node.
		mv "$W/alpha.sock" "$N/alpha.sock"
		ln -s "$N/alpha.sock" "$W/alpha.sock"
		expect_exit 6 setpriv --reuid 65534 --regid 65534 \
			--clear-groups timeout 60 "$N/posthouse" status \
			--socket "$N/alpha.sock"
		expect_said "another user" "next:"
	fi
else
	cp "$W/phrase.right" "$W/theirs"
	chmod 000 "$W/theirs"
	expect_exit 6 up "$W/x" $free "$W/theirs"
	expect_said "cannot be read" "next:"
fi
expect_exit 4 up "$W/x" $free "$W/missing"
expect_said "$W/missing" "next:"
expect_exit 6 up "$W/x" $free "$W"
expect_said "$W" "next:"
echo nonsense >"$W/nonsense"
expect_exit 2 up "$W/x" $free "$W/nonsense"
expect_said "$W/nonsense" "next:"
! grep -q nonsense <(sed "s|$W/nonsense||g" "$W/said") ||
	fail "the message repeats what the file holds"
expect_exit 5 up "$W/alpha" $free "$W/phrase.right"
expect_said "$W/alpha" "${PID[alpha]}" "next:"
expect_exit 5 up "$W/x" "$(address alpha)" "$W/phrase.right"
expect_said "$(address alpha)" "next:"
expect_exit 5 timeout 60 "$POSTHOUSE" up --name x --state "$W/x" --listen \
	$free --socket "$W/alpha.sock" --passphrase-file "$W/phrase.right"
expect_said "$W/alpha.sock" "next:"
holds alpha '.items[0].healthy' status || fail "alpha suffered"
say "starting: ok"

# --- a node that dials itself

node_up self
own=$(address self)
node_stop self
node_up self --join "$own"
expect_soon 5 "it says that it met itself" logs self 'this node itself'
has_lines self 0 || fail "it has a line to itself"
holds self '.items == []' peers || fail "it is its own peer"
say "self: ok"
