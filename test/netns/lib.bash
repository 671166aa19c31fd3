# What the tests of hosts share: every host is a network namespace with one
# interface, eth0, that hangs on a bridge in a namespace of its own (sw). All of
# it lives in a mount and a process namespace that belong to this test alone:
# nothing is left behind however it ends, and no two runs can meet. Nodes,
# waiting and failing are those of test/mesh/lib.bash.
#
#   . "$(dirname "$0")/lib.bash"
#   hosts alpha beta gamma
#   new_phrase; node_up alpha; node_up beta --join "$(address alpha)"
#   split alpha / beta gamma; heal
#
# A host's name is its node's. `hosts 20` makes h1 to h20.

# shellcheck source=test/netns/private.bash
. "$(dirname "${BASH_SOURCE[0]}")/private.bash"
# shellcheck source=test/mesh/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../mesh/lib.bash"

declare -A INDEX=() PORT=() HOST=()
HOSTS=()
WIRE=$BUILD/test/netns/wire
# As whom nodes run: a command that becomes somebody else, or nothing.
AS=()

# --- hosts

# HOST CMD...: CMD there.
in_host() {
	local host=$1
	shift
	nsenter --net="/run/netns/$host" "$@"
}

address4() { echo "10.77.$((INDEX[$1] >> 8)).$((INDEX[$1] & 255))"; }
address6() { printf 'fd77::%x\n' "${INDEX[$1]}"; }
link6() { printf 'fe80::77:%x\n' "${INDEX[$1]}"; }
# Where a node's TCP listens, as others write it.
address() { echo "$(address4 "${HOST[$1]:-$1}"):7678"; }

# NAME... or COUNT: the hosts, all plugged in.
hosts() {
	local name number=${#HOSTS[@]} names=("$@")
	[[ $1 =~ ^[0-9]+$ ]] && mapfile -t names < <(seq -f 'h%.0f' "$1")
	[ -e /run/netns/sw ] || switch_make
	neighbours_fit $((number + ${#names[@]}))
	for name in "${names[@]}"; do
		number=$((number + 1))
		INDEX[$name]=$number PORT[$name]=p$number
		HOSTS+=("$name")
		ip netns add "$name" || fail "no namespace for host $name"
	done
	for name in "${names[@]}"; do
		echo "link add ${PORT[$name]} type veth peer name eth0" \
			"netns $name"
		echo "link set ${PORT[$name]} master br0 up"
	done | ip -n sw -batch - || fail "the hosts have no cables"
	for name in "${names[@]}"; do
		interface_addresses "$name" | ip -n "$name" -batch - ||
			fail "host $name has no addresses"
	done
}

switch_make() {
	ip netns add sw && ip -n sw link add br0 type bridge &&
		ip -n sw link set br0 up || skip "this kernel has no bridge"
	nft_sw <<-'END' || skip "nftables cannot filter a bridge here"
		table bridge air {
			chain forward {
				type filter hook forward priority 0;
			}
		}
	END
}

# No duplicate detection: a cable that was just plugged in is usable at once.
interface_addresses() {
	cat <<-END
		link set lo up
		link set eth0 addrgenmode none
		link set eth0 up
		addr replace $(address4 "$1")/16 dev eth0
		addr replace $(address6 "$1")/64 dev eth0 nodad
		addr replace $(link6 "$1")/64 dev eth0 nodad
		route replace default dev eth0
	END
}

# The kernel keeps one table of neighbours for all namespaces: a full mesh of N
# hosts fills it with N*N, and what does not fit looks like a dead network.
neighbours_fit() {
	local family bound key now wanted=$(($1 * $1 + 512))
	# From below on, entries that are still good are collected: each host
	# has a table of its own in the world, and would keep them.
	for family in ipv4 ipv6; do
		for bound in 3 2 1; do
			key=net.$family.neigh.default.gc_thresh$bound
			now=$(sysctl -n $key 2>/dev/null) || continue
			[ "$now" -ge $wanted ] && continue
			RAISED[$key]=${RAISED[$key]:-$now}
			sysctl -qw $key=$wanted 2>/dev/null ||
				fail "$1 hosts need a larger table of" \
					"neighbours; as root of this machine," \
					"run: sysctl -w $key=$wanted"
		done
	done
}
declare -A RAISED=()
neighbours_restore() {
	local key
	for key in "${!RAISED[@]}"; do sysctl -qw "$key=${RAISED[$key]}"; done
}
on_finish() { neighbours_restore; }

# Whether the kernel dropped a neighbour because the table was full.
neighbours_overflown() {
	local host
	for host in "${HOSTS[@]}"; do
		in_host "$host" cat /proc/net/stat/arp_cache \
			/proc/net/stat/ndisc_cache
	done 2>/dev/null | awk '
		/table_fulls/ { for (i = 1; i <= NF; i++)
			if ($i == "table_fulls") at = i; next }
		at && $at !~ /^0+$/ { full = 1 }
		END { exit !full }'
}

# --- the cable and the switch

unplug() { ip -n sw link set "${PORT[$1]}" down; }
plug() { ip -n sw link set "${PORT[$1]}" up; }

nft_sw() { nsenter --net=/run/netns/sw nft -f -; }
nft_host() { in_host "$1" nft -f -; }

# HOST...: their ports as a set of nft.
ports() {
	local host comma=
	for host in "$@"; do
		printf '%s"%s"' "$comma" "${PORT[$host]}"
		comma=', '
	done
}

rule() { echo "add rule bridge air forward $*" | nft_sw || fail "nft: $*"; }

# HOST... / HOST...: nothing passes between them, and no cable is seen to fall.
split() {
	local left=()
	while [ "$1" != / ]; do
		left+=("$1")
		shift
	done
	shift
	one_way "${left[*]}" "$*"
	one_way "$*" "${left[*]}"
}

# "HOST..." "HOST...": what the first send does not reach the second.
one_way() {
	local from to
	read -ra from <<<"$1"
	read -ra to <<<"$2"
	rule "iifname { $(ports "${from[@]}") } oifname { $(ports "${to[@]}") } drop"
}

# HOST: nothing from it or to it passes, though its cable is in.
silence() {
	rule "iifname $(ports "$1") drop"
	rule "oifname $(ports "$1") drop"
}

# PERCENT: of all frames.
loss() { rule "numgen random mod 100 < $1 drop"; }

# Multicast passes no more, neighbour discovery apart: the network of a cloud.
no_multicast() {
	rule "ip daddr 224.0.0.0/4 drop"
	rule "ip6 daddr ff02::7678 drop"
	rule "ether type 0x88cc drop"
}

# Whatever split, one_way, silence, loss and no_multicast did is undone.
heal() { echo 'flush chain bridge air forward' | nft_sw; }

# HOST RULE...: a packet filter there: `firewall beta tcp dport 7678 reject`.
firewall() {
	local host=$1
	shift
	nft_host "$host" <<-END || fail "nft: $*"
		add table inet wall
		add chain inet wall input { type filter hook input priority 0; }
		add rule inet wall input $*
	END
}
firewall_off() { echo 'delete table inet wall' | nft_host "$1"; }

# HOST NUMBER: other addresses, as if another network had been joined.
renumber() {
	ip -n "$1" addr flush dev eth0
	INDEX[$1]=$2
	interface_up "$1"
}

interface_down() { ip -n "$1" link set eth0 down; }
interface_up() {
	interface_addresses "$1" | ip -n "$1" -batch -
}

# --- frames

# HOST VERB [ARGUMENTS...]: `wire VERB eth0 ...` runs there.
wire_start() {
	local host=$1 verb=$2
	shift 2
	nsenter --net="/run/netns/$host" "$WIRE" "$verb" eth0 "$@" \
		>"$W/$host.$verb" 2>&1 </dev/null {NAP}>&- &
	PID[$host.$verb]=$!
	MINE[$!]=$host.$verb
	expect_soon 5 "wire $verb on $host" grep -q ready "$W/$host.$verb"
}
# HOST VERB: ends it; what it said.
wire_stop() {
	local pid=${PID[$1.$2]}
	kill -TERM "$pid"
	wait "$pid" 2>/dev/null
	unset "MINE[$pid]" "PID[$1.$2]"
	tail -n +2 "$W/$1.$2"
}

# HOST MS: each frame to and from it travels so long. The cable is cut, and a
# relay put between its ends.
delay() {
	local port=${PORT[$1]}
	ip -n sw -batch - <<-END || fail "no second cable for $1"
		link set $port nomaster
		link add $port.far type veth peer name $port.near
		link set $port.near up
		link set $port.far master br0 up
	END
	nsenter --net=/run/netns/sw "$WIRE" delay "$port" "$port.near" "$2" \
		>"$W/$1.delay" 2>&1 </dev/null {NAP}>&- &
	PID[$1.delay]=$!
	MINE[$!]=$1.delay
	expect_soon 5 "the long cable of $1" grep -q ready "$W/$1.delay"
	PORT[$1]=$port.far
}

# HOST: bytes that it sent until now, all layers.
sent_bytes() {
	ip -n "$1" -s -j link show dev eth0 | jq '.[0].stats64.tx.bytes'
}

# --- nodes

# NAME [FLAGS...]: as in a mesh on one machine, but in the host of that name, or
# in ${HOST[NAME]}.
node_launch() {
	local name=$1
	shift
	date -u '+%FT%T.%3NZ test  launched' >>"$W/$name.log"
	nsenter --net="/run/netns/${HOST[$name]:-$name}" "${AS[@]}" \
		"$POSTHOUSE" up --name "$name" --state "$W/$name" \
		--socket "$W/$name.sock" --passphrase-file "$PHRASE" "$@" \
		>>"$W/$name.log" 2>&1 </dev/null {NAP}>&- &
	PID[$name]=$!
	MINE[$!]=$name
}

node_up() {
	node_launch "$@"
	expect_soon 15 "$1 is up" node_answers "$1"
	is_gone "${PID[$1]}" && fail "$1 did not start"
}

node_pause() { kill -STOP "${PID[$1]}"; }
node_resume() { kill -CONT "${PID[$1]}"; }

# NAME...: their state holds the secret that the passphrase gives, as on
# machines that were up before. A hundred starts on one machine would otherwise
# want 6.4 GiB and nine seconds of a core for Argon2id at the same moment.
key_known() {
	local name
	if [ ! -e "$W/derived/mesh.key" ]; then
		HOST[derived]=${HOSTS[0]}
		node_launch derived --local
		expect_soon 15 "the key is derived" test -s "$W/derived/mesh.key"
		node_kill derived
	fi
	for name in "$@"; do
		mkdir -m 700 "$W/$name"
		cp -p "$W/derived/mesh.key" "$W/$name/mesh.key"
	done
}
