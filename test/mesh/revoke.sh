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
out() { [ "$(ask "$1" '[.items[]|select(.node=="beta")]|length' peers)" = 0 ]; }
expect_soon 2 "alpha hangs up" out alpha
expect_soon 2 "gamma heard of it" out gamma
alone() { [ "$(ask beta '.items[0].lines' status)" = 0 ]; }
expect_soon 2 "beta is alone" alone
[ "$(ask alpha '.items[0].lines' status)" = 1 ] || fail "gamma left with it"
say "revoked everywhere: ok"
