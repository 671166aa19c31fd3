#!/bin/sh
# stream.sh HOW BENCH BYTES: carries `BENCH source BYTES` to `BENCH sink`; says
# "bytes ns", or why it cannot. HOW:
#   posthouse  two nodes, TLS          posthouse-here  one node
#   socat-tls ssh  loopback, AES-128   socat           loopback, plain
#   splice     bare splice(2)
# Behind it, for posthouse-here: the node's CPU time in ns.
set -eu
how=$1 bench=$2 bytes=$3 cpu=
. "${0%/*}/room.sh"

# Some port that is free now.
port() {
	awk 'BEGIN { srand(); print int(20000 + rand() * 12000) }' \
		</dev/null | awk -v p=$$ '{ print 20000 + ($1 + p) % 12000 }'
}

run_splice() {
	"$bench" source "$bytes" | "$bench" splice | "$bench" sink "$dir/result"
}

run_socat() {
	command -v socat >/dev/null || cannot "socat is not installed"
	p=$(port)
	socat -u -b 262144 "TCP-LISTEN:$p,bind=127.0.0.1,reuseaddr" - |
		"$bench" sink "$dir/result" &
	"$bench" source "$bytes" | socat -u -b 262144 - \
		"TCP:127.0.0.1:$p,retry=200,interval=0.02"
}

run_socat_tls() {
	command -v socat >/dev/null || cannot "socat is not installed"
	command -v openssl >/dev/null || cannot "openssl is not installed"
	p=$(port)
	openssl req -x509 -newkey ed25519 -nodes -days 1 -subj /CN=bench \
		-keyout "$dir/key" -out "$dir/cert" 2>/dev/null
	cat "$dir/key" "$dir/cert" >"$dir/both"
	listen="OPENSSL-LISTEN:$p,bind=127.0.0.1,reuseaddr"
	listen="$listen,cert=$dir/both,verify=0"
	listen="$listen,openssl-min-proto-version=TLS1.3"
	socat -u -b 262144 "$listen" - 2>"$dir/socat.log" | "$bench" sink "$dir/result" &
	"$bench" source "$bytes" | socat -u -b 262144 - \
		"OPENSSL:127.0.0.1:$p,verify=0,retry=200,interval=0.02"
}

run_ssh() {
	command -v ssh >/dev/null || cannot "ssh is not installed"
	[ -x /usr/sbin/sshd ] || cannot "sshd is not installed"
	p=$(port)
	if [ "$(id -u)" = 0 ]; then
		mkdir -p /run/sshd
	fi
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/user"
	/usr/sbin/sshd -D -f /dev/null -p "$p" -h "$dir/host" \
		-o ListenAddress=127.0.0.1 -o PidFile=none -o UsePAM=no \
		-o StrictModes=no -o PermitRootLogin=yes \
		-o AuthorizedKeysFile="$dir/user.pub" 2>"$dir/sshd.log" &
	children="$children $!"
	set -- -F none -p "$p" -i "$dir/user" -o IdentitiesOnly=yes \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR -o BatchMode=yes \
		-c aes128-gcm@openssh.com 127.0.0.1
	until_true "sshd does not let us in" 5 ssh "$@" true
	"$bench" source "$bytes" | ssh "$@" "'$bench' sink '$dir/result'"
}

# node NAME FLAGS...: starts one.
node() {
	name=$1
	shift
	"$posthouse" up --name "$name" --state "$dir/$name" --http off \
		--discovery off --socket "$dir/$name.sock" \
		--passphrase-file "$dir/phrase" "$@" 2>"$dir/$name.log" &
	children="$children $!"
}

# CPU time that the last child took, ns (its data thread runs it all).
cpu_ns() {
	awk '{ print $1 }' "/proc/${children##* }/schedstat"
}

# wire SINKHOST: from source on alpha to sink.
wire() {
	cat >"$dir/wiring.yaml" <<-WIRING
		wiring: 1
		name: bench
		hosts: {alpha: {}, $1: {}}
		servers:
		  source:
		    host: alpha
		    exec: ["$bench", source, "$bytes"]
		    restart: never
		  sink:
		    host: $1
		    exec: ["$bench", sink, "$dir/result"]
		    restart: never
		wires:
		  - {from: "source:stdout", to: "sink:stdin"}
	WIRING
	[ "$1" != alpha ] || sed -i '/^hosts:/d' "$dir/wiring.yaml"
	"$posthouse" apply "$dir/wiring.yaml" --socket "$dir/alpha.sock" \
		>"$dir/apply.log" 2>&1 ||
		cannot "apply: $(head -1 "$dir/apply.log")"
	until_true "the stream did not end" 60 test -e "$dir/result"
}

run_posthouse() {
	phrase
	a=$(port)
	b=$((a + 1))
	node beta --listen "127.0.0.1:$b"
	node alpha --listen "127.0.0.1:$a" --join "127.0.0.1:$b"
	until_true "the nodes do not meet" 10 sh -c \
		"'$posthouse' peers --json --socket '$dir/alpha.sock' |
			grep -q '\"line\": *\"up\"'"
	wire beta
}

run_posthouse_here() {
	phrase
	node alpha --listen "127.0.0.1:$(port)"
	until_true "the node does not start" 10 \
		"$posthouse" health --socket "$dir/alpha.sock"
	before=$(cpu_ns)
	wire alpha
	cpu=$(($(cpu_ns) - before))
}

"run_$(echo "$how" | tr - _)"
until_true "the sink said nothing" 10 test -e "$dir/result"
echo "$(cat "$dir/result") $cpu"
