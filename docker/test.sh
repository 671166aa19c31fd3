#!/bin/bash
# `make test-cluster`: the cluster of compose.yaml, tried. Closes with
# N passed, N failed; skips, with the reason, where no engine can run.
set -u
cd "$(dirname "$0")/.." || exit 1
PROJECT=phtest$$
CLUSTER=$PWD/build/cluster-test
. docker/engine.bash
. docker/cluster.bash
rm -rf "$CLUSTER"
mkdir -p "$CLUSTER"
passed=0 failed=0

if ! engine_begin; then
	echo "cluster: skipped, no engine can run here (above)"
	echo
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
finish() {
	compose down -v -t 5 >/dev/null 2>&1
	engine_end
}
trap finish EXIT
trap 'exit 130' INT TERM

# WHAT COMMAND...
check() {
	local what=$1 begin=$SECONDS
	shift
	if "$@" >"$CLUSTER/said" 2>&1; then
		passed=$((passed + 1))
		printf '  %-58s passed %4d s\n' "$what" $((SECONDS - begin))
		return
	fi
	failed=$((failed + 1))
	printf '  %-58s FAILED %4d s\n' "$what" $((SECONDS - begin))
	sed 's/^/      /' "$CLUSTER/said" | tail -n 60
}

id_of() { compose ps -q "$1"; }
# COUNT NODE...: each sees so many peers alive.
all_see() {
	local count=$1 node
	shift
	for node; do
		until_true 60 sees "$node" "$count" || {
			at "$node" peers
			return 1
		}
	done
}
peer_state() { # NODE PEER: alive, suspect, dead
	at "$1" peers --json |
		jq -r --arg n "$2" '.items[] | select(.node == $n).state'
}
is_state() { [ "$(peer_state "$1" "$2")" = "$3" ]; }
gone_for() { [ "$(peer_state "$1" "$2")" != alive ]; }

ticks() {
	at beta connections --json | jq '.items[] |
		select(.from == "beta/tick:out").received.messages'
}
more_ticks() {
	local now
	now=$(ticks)
	[ "${now:-0}" -gt "$1" ]
}
flows_on() {
	local before
	before=$(ticks)
	until_true 60 more_ticks "$((${before:-0} + 1))"
}

has_no_shell() {
	local program
	docker export "$(id_of alpha)" | tar -t >"$CLUSTER/files" || return 1
	for program in sh bash dash apt dpkg busybox; do
		! grep -E "(^|/)$program\$" "$CLUSTER/files" || return 1
	done
}
is_confined() {
	docker inspect "$(id_of alpha)" | jq -e '.[0] |
		.HostConfig.ReadonlyRootfs and .Config.User == "65532:65532" and
		(.HostConfig.CapDrop | map(ascii_upcase) | index("ALL")) and
		.Config.Healthcheck != null and
		.Config.StopSignal == "SIGTERM"'
}
menu_of_beta() {
	at alpha menu beta --json | jq -e '[.items[].server] |
		(index("pack") and index("tick"))'
}
kill_and_return() {
	docker kill -s KILL "$(id_of beta)" >/dev/null &&
		until_true 20 gone_for alpha beta && echo "missed" &&
		compose up -d beta && all_see 2 alpha beta gamma && flows_on
}

# A host whose cable is pulled, and plugged in again.
cable() {
	local pid
	pid=$(docker inspect -f '{{.State.Pid}}' "$(id_of gamma)")
	nsenter -n -t "$pid" ip link set eth0 "$1"
}
detach() {
	if [ "$(id -u)" = 0 ]; then cable down; else
		docker network disconnect "${PROJECT}_mesh" "$(id_of gamma)"
	fi
}
attach() {
	if [ "$(id -u)" = 0 ]; then cable up; else
		docker network connect "${PROJECT}_mesh" "$(id_of gamma)"
	fi
}
partition_and_heal() {
	detach && until_true 30 gone_for alpha gamma && echo "missed" &&
		attach && all_see 2 alpha beta gamma && flows_on
}
scale_up() {
	compose up -d --scale node=20 && until_true 90 sees alpha 22 &&
		until_true 30 sees gamma 22 || { at alpha peers; at gamma peers; return 1; }
}
stops_in_order() {
	compose stop -t 20 gamma && until_true 10 is_state alpha gamma left &&
		[ "$(docker inspect -f '{{.State.ExitCode}}' \
			"$(compose ps -a -q gamma 2>/dev/null || id_of gamma)")" = 0 ]
}

check "the image is built, three containers are up and healthy" cluster_up
check "they find each other" all_see 2 alpha beta gamma
check "one file wires a job across them, its bytes arrive" cluster_job
check "a remote peer's menu is asked for" menu_of_beta
check "the image has no shell and no package manager" has_no_shell
check "read-only, not root, no capabilities, a healthcheck" is_confined
check "a killed container is missed; it returns, wires stand" kill_and_return
check "a container without its cable is missed, and heals" partition_and_heal
check "twenty more" scale_up
check "a container that is stopped says goodbye, exit 0" stops_in_order

docker image ls --format '# {{.Repository}}:{{.Tag}} {{.Size}}' | grep posthouse
echo
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
