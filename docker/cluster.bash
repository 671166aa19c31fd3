# Sourced after engine.bash: the cluster of compose.yaml, under a name of its
# own, with a fresh passphrase.
PROJECT=${PROJECT:-posthouse}
CLUSTER=${CLUSTER:-$PWD/build/cluster}
export POSTHOUSE_PASSPHRASE=$CLUSTER/passphrase

compose() { docker-compose -p "$PROJECT" -f docker/compose.yaml "$@"; }
# NODE COMMAND...
at() {
	local node=$1
	shift
	compose exec -T "$node" /usr/bin/posthouse "$@"
}

# SECONDS COMMAND...
until_true() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		read -rt 0.2 <> <(:) || :
	done
}

cluster_build() {
	compose build --build-arg BASE="$BASE" "$@" alpha >"$CLUSTER.log" 2>&1 || {
		tail -n 30 "$CLUSTER.log" >&2
		echo "cluster: the image is not built; all of it: $CLUSTER.log" >&2
		return 1
	}
}

# The secret belongs to the user inside the container; who cannot give files
# away has a container do it.
cluster_phrase() {
	mkdir -p "$CLUSTER"
	[ -s "$POSTHOUSE_PASSPHRASE" ] && return
	(umask 077 && docker run --rm --network none posthouse:tools passphrase \
		>"$POSTHOUSE_PASSPHRASE") || return 1
	chmod 400 "$POSTHOUSE_PASSPHRASE"
	chown 65532 "$POSTHOUSE_PASSPHRASE" 2>/dev/null ||
		docker run --rm --network none -v "$CLUSTER:/secret" "$BASE" \
			chown 65532 /secret/passphrase
}

# NODE COUNT: it has proven so many peers, and has a line to them or is told
# of them.
sees() {
	[ "$(at "$1" peers --json |
		jq '[.items[] | select(.state == "alive")] | length')" = "$2" ]
}

cluster_up() {
	mkdir -p "$CLUSTER"
	cluster_build && cluster_phrase && compose up -d "$@" 2>>"$CLUSTER.log" &&
		until_true 60 sees alpha 2
}

job_done() {
	at alpha connections --json | jq -e '[.items[] |
		select((.from | contains("/read:")) or
			(.from | contains("/pack:"))) |
		select(.state == "closed" and .reason == "end")] | length == 2'
}

# The demo job across the containers, its result compared with what was read.
cluster_job() {
	at alpha apply /etc/posthouse/wiring.yaml || return 1
	until_true 60 job_done || return 1
	docker cp "$(compose ps -q alpha):/usr/bin/posthouse" \
		"$CLUSTER/read" >/dev/null &&
		docker cp "$(compose ps -q gamma):/var/lib/posthouse/posthouse.gz" \
			"$CLUSTER/written.gz" >/dev/null &&
		gzip -dc "$CLUSTER/written.gz" | cmp - "$CLUSTER/read"
}
