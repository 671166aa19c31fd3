#!/bin/bash
# `make cluster`: the image, three containers, the demo job across them; they
# stay up. With an engine that this script had to start, they end with it.
set -u
cd "$(dirname "$0")/.." || exit 1
. docker/engine.bash
. docker/cluster.bash
engine_begin || exit 1
finish() {
	[ -z "$ENGINE_PID" ] || compose down -v >/dev/null 2>&1
	engine_end
}
trap finish EXIT
trap 'exit 130' INT TERM

cluster_up || { echo "cluster: it does not come up" >&2; exit 1; }
at alpha peers
cluster_job || { echo "cluster: the job failed" >&2; exit 1; }
at alpha connections
echo "ok: what alpha read is what gamma wrote, decompressed"
if [ -n "$ENGINE_PID" ]; then
	echo "the engine was started for this: it ends with Ctrl-C or a line of input"
	echo "meanwhile: export DOCKER_HOST=$DOCKER_HOST"
	[ -t 0 ] && read -r
	exit 0
fi
cat <<END
The cluster is up. Try:
  docker-compose -p $PROJECT -f docker/compose.yaml exec alpha posthouse top
  POSTHOUSE_PASSPHRASE=$POSTHOUSE_PASSPHRASE \\
    docker-compose -p $PROJECT -f docker/compose.yaml up -d --scale node=20
End it with:
  docker-compose -p $PROJECT -f docker/compose.yaml down -v
END
