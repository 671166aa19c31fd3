#!/bin/sh
# Names the Debian packages that are missing, and installs them. Does nothing
# when none is.
#
#   test/deps.sh [build|lint|fuzz|bench|deb|docker|image|examples|browser|lldpd]...   (build when nothing is said)
#
# lldpd and proxy are lists of their own, because Debian's packages start daemons,
# now and at every boot: for machines of CI. Here they are kept from starting
# now.
set -eu

build='build-essential pkg-config libssl-dev libsodium-dev libmsgpack-dev
	libfyaml-dev libjansson-dev libsqlite3-dev libcmocka-dev uthash-dev
	libcap-dev libseccomp-dev libwebsockets-dev gzip jq openssl graphviz
	iproute2 nftables groff-base zstd python3-jsonschema python3-yaml
	python3-websockets curl strace procps'
lint='clang-format'
fuzz='clang'
bench='libzmq3-dev libnng-dev socat openssh-client openssh-server'
lldpd='lldpd'
proxy='nginx-light'
deb='debhelper lintian dpkg-dev'
docker='docker.io docker-compose iptables debootstrap jq'
examples='ffmpeg'
browser='chromium chromium-driver'
# What an image is built with: no tests.
image='build-essential pkg-config libssl-dev libsodium-dev libmsgpack-dev
	libfyaml-dev libjansson-dev libsqlite3-dev uthash-dev libcap-dev
	libseccomp-dev libwebsockets-dev jq gzip'

wanted= quiet=no
for list in "${@:-build}"; do
	case $list in
	build) wanted="$wanted $build" ;;
	lint) wanted="$wanted $lint" ;;
	fuzz) wanted="$wanted $fuzz" ;;
	bench) wanted="$wanted $bench" ;;
	deb) wanted="$wanted $deb" ;;
	docker) wanted="$wanted $docker" ;;
	browser) wanted="$wanted $browser" ;;
	examples) wanted="$wanted $examples" ;;
	image) wanted="$wanted $image" ;;
	lldpd) wanted="$wanted $lldpd" quiet=yes ;;
	proxy) wanted="$wanted $proxy" quiet=yes ;;
	*)
		echo "deps: no list is called '$list':" \
			"say build, lint, fuzz, bench, deb, docker, image, examples, browser or" \
			"lldpd" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "deps: not a Debian; install by hand what these hold:" >&2
	echo $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
		2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "deps: missing:$missing" >&2
as=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "deps: neither root nor sudo; as root, run:" >&2
		echo "  apt-get update && apt-get install$missing" >&2
		exit 1
	fi
	as=sudo
fi

$as apt-get -o Acquire::Retries=3 -q update >&2 || {
	echo "deps: the package lists cannot be fetched (above);" \
		"trying with those that are here" >&2
}
policy=/usr/sbin/policy-rc.d
if [ $quiet = yes ] && [ ! -e $policy ]; then
	trap '$as rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | $as tee $policy >/dev/null
	$as chmod 755 $policy
fi
$as env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -q -y \
	--no-install-recommends install $missing >&2 || {
	echo "deps: apt-get could not install:$missing" >&2
	echo "deps: look at its last lines above; then run make again" >&2
	exit 1
}
