# Goes on in namespaces of its own: mounts (so /run/netns is empty and private)
# and processes (so whatever is left ends with the test). The network of the
# machine is not touched. Sourced first, before anything was made.
if [ -z "${PH_PRIVATE:-}" ]; then
	[ "$(id -u)" = 0 ] || {
		echo "SKIP: hosts are made of network namespaces: needs root"
		exit 77
	}
	for tool in ip nft nsenter unshare setpriv jq; do
		command -v $tool >/dev/null || {
			echo "SKIP: needs $tool (iproute2, nftables, util-linux, jq)"
			exit 77
		}
	done
	unshare --mount --pid --fork --mount-proc \
		unshare --net true 2>/dev/null || {
		echo "SKIP: this machine allows no namespaces (a container?)"
		exit 77
	}
	PH_PRIVATE=1 exec unshare --mount --pid --fork --kill-child \
		--mount-proc "$0" "$@"
fi
unset PH_PRIVATE
mkdir -p /run/netns
mount -t tmpfs -o mode=755 netns /run/netns || exit 77
