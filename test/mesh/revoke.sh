#!/usr/bin/env bash
# A key revoked on one node is out of the whole mesh within two seconds, also
# on a node that knows of it by a vouch only.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
node_up gamma --join "$(address alpha)"
all_lines() {
	local node
	for node in alpha beta gamma; do
		[ "$(ask "$node" '.items[0].lines' status)" = 2 ] || return 1
	done
}
expect_soon 10 "everybody has a line to everybody" all_lines

expect_exit 0 ph alpha peers revoke beta --why "lost laptop"
out() { [ "$(ask "$1" '[.items[]|select(.node=="beta" and .state!="revoked")]|length' peers)" = 0 ]; }
expect_within 2 "alpha hangs up" out alpha
expect_within 2 "gamma heard of it" out gamma
alone() { [ "$(ask beta '.items[0].lines' status)" = 0 ]; }
expect_within 2 "beta is alone" alone
[ "$(ask alpha '.items[0].lines' status)" = 1 ] || fail "gamma left with it"
say "revoked everywhere: ok"

# --- and whoever asks after it is told, also after a restart
tells() {
	expect_exit 0 ph "$1" peers
	expect_said REVOKED beta
	expect_exit 6 ph "$1" doctor beta
	expect_said "its key is revoked on this node" "new --state"
	expect_exit 5 ph "$1" peers forget beta
	expect_said "revoked, which lasts for ever"
}
tells gamma
node_stop alpha || fail "alpha did not stop well"
node_up alpha
tells alpha
say "told who is revoked: ok"
