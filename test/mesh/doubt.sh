#!/bin/bash
# A change that several nodes make together, halted at one step after another by
# a disk that is kept busy, and there a node is killed: what hangs is shown as in
# doubt (or as prepared) by those who live, nobody else changes the scope, and
# when the killed one is back all have the change or none has. Then the guest
# books show what the connectome has. test/unit/apply_crash_test.c goes through
# all steps; these are the ones where the outcome differs.
. "$(dirname "$0")/lib.bash"

root=$(cd "$(dirname "$0")/../.." && pwd)
for tool in store_lock bookings; do
	${CC:-cc} -O1 -o "$W/$tool" "$root/test/mesh/$tool.c" -lsqlite3 ||
		fail "$tool does not build"
done

# alpha decides, and has no part of its own: its first write is the decision.
wiring() {
	cat <<-END
	wiring: 1
	name: demo
	hosts: {beta: {}, gamma: {}}
	servers:
	  $1-b: {host: beta, use: clock}
	  $1-c: {host: gamma, use: null}
	wires: [{from: $1-b, to: $1-c, on_full: latest}]
	END
}
three_nodes
wiring old >"$W/old.yaml"
wiring new >"$W/new.yaml"
expect_exit 0 ph alpha apply "$W/old.yaml"

declare -A LOCK=()
lock() {
	"$W/store_lock" "$W/$1/posthouse.db" >"$W/lock.$1" {NAP}>&- &
	LOCK[$1]=$!
	MINE[$!]=lock
	expect_soon 5 "$1's disk is busy" grep -q locked "$W/lock.$1"
}
unlock() {
	{
		kill "${LOCK[$1]}"
		wait "${LOCK[$1]}"
	} 2>/dev/null
	unset "MINE[${LOCK[$1]}]" "LOCK[$1]"
}
apply_beside() {
	ph alpha apply "$W/$1.yaml" --timeout 12s >"$W/applied" 2>&1 &
	APPLYING=$!
}
both_prepared() { change_is beta prepared && change_is gamma prepared; }
# NEW OLD: both gave their word, and alpha waits for its disk to decide. On a
# machine that is busy for longer than the disk may be: once more.
halt() {
	local round
	for round in 1 2 3 4; do
		lock alpha
		apply_beside "$1"
		await 2 both_prepared && return
		unlock alpha
		wait $APPLYING
		expect_soon 30 "as before" ph alpha apply "$W/$2.yaml"
	done
	fail "never caught with its word given"
}
# NODE STATE...: the change of demo is there in one of these states.
change_is() {
	local node=$1
	shift
	[[ " $* " == *" $(ask "$node" '[.items[] | select(.plan | not).state |
		sub(" "; "-")] | join(" ")' plan list) "* ]]
}
part() { ask "$1" '.items[] | select(.scope == "demo" and .node == "'"$1"'").name | .[:3]' servers; }
# Both lines "CONNECTION NODE/SERVER:TERMINAL", of what is used and what is wired.
books_agree() {
	ask gamma '.items[] | .node as $n | .server as $s | .terminals[] |
		select(.direction == "in") | .name as $t | .connections[] |
		"\(.) \($n)/\($s):\($t)"' guests >"$W/used"
	ask beta '.items[] | select(.id | startswith("beta#")) |
		select(.state | test("open|flowing|idle")) |
		"\(.id) \(.to)"' connections >"$W/edges"
	[ "$(wc -l <"$W/edges")" -eq 1 ] && cmp -s "$W/used" "$W/edges"
}
all_have() {
	local node
	for node in beta gamma; do
		change_is $node "" && [ "$(part $node)" = "$1" ] || return 1
	done
	books_agree
}
# --- nobody decided: the one who would have is killed, and it is in doubt
halt new old
node_kill alpha
unlock alpha
wait $APPLYING && fail "a change that nobody decided is acknowledged"
for node in beta gamma; do
	expect_soon 15 "$node is in doubt" change_is $node in-doubt
done
ph beta plan list >"$W/said" 2>&1
expect_said "in doubt" "alpha" "demo"
id=$(ask beta '.items[] | select(.state == "in doubt").transaction' plan list)
# One alarm, whoever is asked, and a line of the status of each that is in doubt.
doubts() { ask "$1" '[.items[] | select(.kind == "change")] | map(.subject) | join(" ")' alarms; }
one_alarm() { [ "$(doubts "$1")" = "$id" ]; }
for node in beta gamma; do
	expect_soon 5 "$node has the alarm" one_alarm $node
	ph $node status >"$W/said"
	expect_said "$id of demo: start alpha;" "posthouse plan resolve $id commit|abort"
	holds $node '[.items[].in_doubt | length] == [1]' status ||
		fail "not in the status of $node"
done
ph beta alarms >"$W/said"
expect_said "a change of demo is in doubt on beta, gamma" \
	"start alpha; or posthouse plan resolve $id commit|abort --node"
ph beta events >"$W/said"
expect_said "raised $id: a change of demo is in doubt"
expect_exit 5 ph beta apply "$W/old.yaml"
expect_said "begun by alpha, is in doubt"
[ "$(part beta)$(part gamma)" = oldold ] || fail "a change in doubt is there"
node_up alpha
expect_soon 20 "given up by all" all_have old
no_alarm() { [ -z "$(doubts "$1")" ] && holds "$1" '.items[0].in_doubt == []' status; }
for node in alpha beta gamma; do
	expect_soon 10 "the alarm is over at $node" no_alarm $node
done
ph beta events >"$W/said"
expect_said "cleared $id: a change of demo is in doubt"
say "killed before it decided: in doubt, then nobody has it: ok"

decisions() { grep -c 'decision.made' "$W/alpha.log"; }
decided_since() { [ "$(decisions)" -gt "$1" ]; }

# --- decided, and all are killed before anybody heard of it
halt new old
before=$(decisions)
node_kill beta
node_kill gamma
unlock alpha
expect_soon 5 "decided" decided_since "$before"
node_kill alpha
wait $APPLYING && fail "acknowledged by a node that was killed"
node_launch beta
node_up gamma
expect_soon 15 "beta is up" node_answers beta
for node in beta gamma; do
	expect_soon 15 "$node is in doubt" change_is $node in-doubt
	[ "$(part $node)" = old ] || fail "a change in doubt is there"
done
node_up alpha
expect_soon 20 "all have it" all_have new
say "all killed when it was decided: in doubt, then all have it: ok"

# --- one who gave its word is killed before the decision reaches it
halt old new
node_kill gamma
unlock alpha
expect_soon 10 "beta has it" change_is beta ""
[ "$(part beta)" = old ] || fail "decided, and beta does not have it"
node_up gamma
expect_soon 20 "all have it" all_have old
wait $APPLYING || fail "all have it, and it is refused: $(cat "$W/applied")"
say "killed with its word given: it has the change when it is back: ok"

# --- one is killed before it gave its word
lock gamma
apply_beside new
await 2 change_is beta prepared
node_kill gamma
unlock gamma
node_up gamma
expect_soon 20 "nobody has it" all_have old
wait $APPLYING && fail "gamma never gave its word, and it is acknowledged"
say "killed before it gave its word: nobody has it: ok"

for node in alpha beta gamma; do node_stop $node; done
"$W/bookings" alpha="$W/alpha/posthouse.db" beta="$W/beta/posthouse.db" \
	gamma="$W/gamma/posthouse.db" >"$W/verdict" || fail "$(cat "$W/verdict")"
grep -q ' 1 bookings kept' "$W/verdict" || fail "$(cat "$W/verdict")"
say "$(tail -n 1 "$W/verdict")"
say "doubt: ok"
