# What nodes think of each other, and when they began to: read from their logs,
# which all have the clock of this one machine. Sourced after lib.bash.
#
#   member.state node=WHO id=... from=STATE to=STATE because=...

"$POSTHOUSE" up --help | grep -q -- '--discovery .*not in this version' &&
	skip "this build has no discovery"

# The clock of the logs, in ms since the month began.
clock_ms() {
	local now
	now=$(date -u '+%d %H %M %S %3N')
	# shellcheck disable=SC2086
	set -- $now
	echo $((((10#$1 * 24 + 10#$2) * 60 + 10#$3) * 60000 + 10#$4 * 1000 + 10#$5))
}

# NODE...: every change as a line "MS SEER WHO FROM TO"; TO is "up" when the
# seer itself was started, and then it knows nobody.
changes() {
	local logs=() node
	for node in "$@"; do logs+=("$W/$node.log"); done
	awk '
	function field(name, at) {
		at = index($0, " " name "=")
		if (!at) return "-"
		at = substr($0, at + length(name) + 2)
		sub(/ .*/, "", at)
		return at == "" ? "-" : at
	}
	/ member\.state | test  launched$/ {
		seer = FILENAME
		sub(/.*\//, "", seer)
		sub(/\.log$/, "", seer)
		ms = substr($1, 9, 2) * 24 + substr($1, 12, 2)
		ms = (ms * 60 + substr($1, 15, 2)) * 60 + substr($1, 18, 2)
		ms = ms * 1000 + substr($1, 21, 3)
		if (/ launched$/)
			printf "%.0f %s - - up\n", ms, seer
		else
			printf "%.0f %s %s %s %s\n", ms, seer,
				field("node"), field("from"), field("to")
	}' "${logs[@]}"
}

# OTHERS NODE...: "COUNT MS": how many of the nodes see that many others alive
# now, and when the last of them began to.
full_views() {
	local others=$1
	shift
	changes "$@" | awk -v others="$others" '
	$5 == "up" {
		life[$2]++
		count[$2] = 0
		next
	}
	{
		was = alive[$2, life[$2], $3]
		is = $5 == "alive" || $5 == "suspect"
		alive[$2, life[$2], $3] = is
		count[$2] += is - was
		if (is > was && count[$2] == others) since[$2] = $1
	}
	END {
		for (seer in count)
			if (count[seer] >= others) {
				full++
				if (since[seer] > last) last = since[seer]
			}
		printf "%d %.0f\n", full, last
	}'
}

# SECONDS NODE...: until each sees all the others; sets full_at (of the last).
await_full() {
	local seconds=$1
	shift
	views_are_full() {
		local count
		read -r count full_at < <(full_views $(($# - 1)) "$@")
		[ "$count" = $# ]
	}
	await "$seconds" views_are_full "$@" && return
	say "full views: $(full_views $(($# - 1)) "$@") (nodes, ms) of $#"
	changes "$@" | awk '$5 != "up" { seen[$2 " sees " $3] = $5 }
		END { for (pair in seen) count[seen[pair]]++
		for (state in count) print "# pairs " state ": " count[state] }'
	return 1
}

# SINCE WHO STATE NODE...: "COUNT FIRST LAST": how many found WHO to be STATE
# since then, and after how many ms.
found() {
	local since=$1 who=$2 state=$3
	shift 3
	changes "$@" | awk -v since="$since" -v who="$who" -v state="$state" '
	$1 >= since && $3 == who && $5 == state && !($2 in seen) {
		seen[$2] = 1
		count++
		after = $1 - since
		if (count == 1 || after < first) first = after
		if (after > last) last = after
	}
	END { printf "%d %d %d\n", count, first, last }'
}

# SECONDS SINCE WHO STATE NODE...: until all of them found it; sets first_ms
# and last_ms.
await_found() {
	local seconds=$1
	shift
	all_found() {
		local count
		read -r count first_ms last_ms < <(found "$@")
		[ "$count" = $(($# - 3)) ]
	}
	await "$seconds" all_found "$@" && return
	say "$2 is $3 for: $(found "$@") (nodes, first, last) of $(($# - 3))"
	return 1
}

# SINCE STATE NODE...: how often one of them was found to be STATE by another.
told() {
	local since=$1 state=$2
	shift 2
	changes "$@" | awk -v since="$since" -v state="$state" -v all="$*" '
	BEGIN { split(all, list, " "); for (i in list) is[list[i]] = 1 }
	$1 >= since && $5 == state && ($3 in is) { count++ }
	END { print count + 0 }'
}

# Milliseconds of CPU that a process has had.
cpu_ms() {
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, "")
		print int(($12 + $13) * 1000 / hz) }' "/proc/$1/stat"
}
resident_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }

# SECONDS NODE...: what they do while nobody asks anything of them. Sets
# idle_bytes (a second and node, all layers, sent), idle_cpu (hundredths of a
# percent of a core, per node), idle_kib (the largest).
measure_idle() {
	local seconds=$1 node begin kib bytes=0 cpu=0
	shift
	begin=$(now_ms)
	for node in "$@"; do
		bytes=$((bytes - $(sent_bytes "$node")))
		cpu=$((cpu - $(cpu_ms "${PID[$node]}")))
	done
	await "$seconds" false
	idle_kib=0
	for node in "$@"; do
		bytes=$((bytes + $(sent_bytes "$node")))
		cpu=$((cpu + $(cpu_ms "${PID[$node]}")))
		kib=$(resident_kib "${PID[$node]}")
		[ "$kib" -gt $idle_kib ] && idle_kib=$kib
	done
	begin=$(($(now_ms) - begin))
	idle_bytes=$((bytes * 1000 / begin / $#))
	idle_cpu=$((cpu * 10000 / begin / $#))
}
