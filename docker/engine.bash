# Sourced: an engine to speak to, and the base image. Nothing is left running
# or changed that was not before.
#
#   . docker/engine.bash; engine_begin || exit 77; trap engine_end EXIT
#
# Where DOCKER_HOST or the default socket answers, that engine is used. Where
# none does, root starts one: its own data and socket below $ENGINE (default
# build/docker), ended by pid, its rules and bridge taken away again.
ENGINE=${ENGINE:-$PWD/build/docker}
BASE=${BASE:-debian:bookworm-slim}
ENGINE_PID=
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0

engine_says() { echo "docker: $*" >&2; }

engine_answers() { docker version >/dev/null 2>&1; }

engine_start() {
	if [ "$(id -u)" != 0 ]; then
		engine_says "no engine answers, and only root can start one"
		return 1
	fi
	command -v dockerd >/dev/null || test/deps.sh docker || return 1
	command -v dockerd >/dev/null || return 1
	mkdir -p "$ENGINE"
	iptables-save >"$ENGINE/iptables" 2>/dev/null
	ip6tables-save >"$ENGINE/ip6tables" 2>/dev/null
	ENGINE_FORWARD=$(cat /proc/sys/net/ipv4/ip_forward)
	ENGINE_BRIDGES=$(ls /sys/class/net)
	export DOCKER_HOST=unix://$ENGINE/socket
	dockerd --data-root "$ENGINE/data" --exec-root "$ENGINE/exec" \
		-p "$ENGINE/pid" -H "$DOCKER_HOST" >"$ENGINE/log" 2>&1 &
	ENGINE_PID=$!
	local try
	for try in {1..100}; do
		engine_answers && return 0
		kill -0 $ENGINE_PID 2>/dev/null || break
		read -rt 0.3 <> <(:) || :
	done
	engine_says "the engine does not start: $(tail -n 3 "$ENGINE/log")"
	engine_end
	return 1
}

# Its own pid, then what lost track of it, by the paths that are its own.
engine_end() {
	[ -n "$ENGINE_PID" ] || return 0
	kill "$ENGINE_PID" 2>/dev/null
	wait "$ENGINE_PID" 2>/dev/null
	local name pid
	for pid in /proc/[0-9]*; do
		tr '\0' ' ' <"$pid/cmdline" 2>/dev/null |
			grep -qF "$ENGINE/exec" && kill -9 "${pid#/proc/}"
	done 2>/dev/null
	for name in $(ls /sys/class/net); do
		grep -qx "$name" <<<"$ENGINE_BRIDGES" || ip link del "$name"
	done 2>/dev/null
	iptables-restore <"$ENGINE/iptables" 2>/dev/null
	ip6tables-restore <"$ENGINE/ip6tables" 2>/dev/null
	echo "$ENGINE_FORWARD" >/proc/sys/net/ipv4/ip_forward
	ENGINE_PID=
}

# Where no registry is reachable, Debian's packages make the same.
engine_base() {
	docker image inspect "$BASE" >/dev/null 2>&1 && return 0
	timeout 60 docker pull -q "$BASE" >/dev/null 2>&1 && return 0
	if [ "$(id -u)" != 0 ] || ! { command -v debootstrap >/dev/null ||
		test/deps.sh docker; }; then
		engine_says "$BASE cannot be pulled, nor made without root"
		return 1
	fi
	local root=$ENGINE/root
	engine_says "making $BASE with debootstrap"
	rm -rf "$root"
	debootstrap --variant=minbase bookworm "$root" >"$ENGINE/base.log" 2>&1 || {
		engine_says "debootstrap: $(tail -n 3 "$ENGINE/base.log")"
		return 1
	}
	rm -rf "$root"/var/cache/apt/archives/*.deb
	tar -C "$root" -c . | docker import - "$BASE" >/dev/null || return 1
	rm -rf "$root"
}

engine_begin() {
	if ! command -v docker >/dev/null ||
		! command -v docker-compose >/dev/null; then
		test/deps.sh docker || return 1
	fi
	engine_answers || engine_start || return 1
	engine_base
}
