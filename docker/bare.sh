#!/bin/bash
# docker/bare.sh [TARGET...]: `make demo` (or the targets named) in a container
# of bare Debian with git, make, ca-certificates and sudo only: as root, then as
# a user with sudo. Network namespaces need SYS_ADMIN; tests that want what a
# container lacks skip with a reason. USERS=root or USERS=walker: one of the two.
set -u
cd "$(dirname "$0")/.." || exit 1
. docker/engine.bash
engine_begin || exit 77
trap engine_end EXIT
trap 'exit 130' INT TERM
targets=${*:-demo}
mkdir -p build
passed=0 failed=0

docker build -q --build-arg BASE="$BASE" -t posthouse:bare - <<'END' >/dev/null ||
ARG BASE
FROM ${BASE}
RUN apt-get -o Acquire::Retries=3 -q update && \
	apt-get -q -y --no-install-recommends install git make ca-certificates sudo && \
	useradd -m walker && echo 'walker ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/walker
END
	exit 1
for user in ${USERS:-root walker}; do
	if git archive --format=tar HEAD | docker run --rm -i -u $user \
		--cap-add SYS_ADMIN --cap-add NET_ADMIN \
		--security-opt seccomp=unconfined -w /tmp posthouse:bare sh -c "
		mkdir house && tar -x -C house && cd house && git init -q . &&
		make $targets" >build/bare-$user.log 2>&1; then
		passed=$((passed + 1))
		echo "  make $targets as $user: passed"
	else
		failed=$((failed + 1))
		echo "  make $targets as $user: FAILED; build/bare-$user.log:"
		tail -n 15 build/bare-$user.log | sed 's/^/      /'
	fi
done
echo
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
