#!/bin/bash
# What the kernel asks of the outside: test/lint/kernel-symbols.txt. The part
# that knows no operating system may use the core list and itself, no more.
core='buffer queue queue_carrier pipe pipe_full pipe_end pipe_road terminal terminal_connect detour detour_change handle heap tasks door kernel ring slots backlog filler turns'

objects() {
	for name in "$@"; do
		[ -f "kernel/$name.c" ] && echo "$BUILD/kernel/$name.o"
	done
}
linux=$(for file in kernel/*.c; do
	name=$(basename "$file" .c)
	case " $core " in *" $name "*) ;; *) echo "$name" ;; esac
done)

# LIST OBJECT...: undefined symbols that neither the list nor the objects have.
# A hardened call (__memcpy_chk) is the call it hardens.
check() {
	local list=$1
	shift
	{
		awk -v list="$list" '/^\[/ { on = index(list, $1); next }
			on && NF && !/^#/ { print "A", $1 }' \
			test/lint/kernel-symbols.txt
		nm -A --defined-only "$@" | awk '{ print "A", $NF }'
		nm -A -u "$@" | awk '{ sub(/:.*/, "", $1); print "U", $NF, $1 }'
	} | awk '
	$1 == "A" { have[$2] = 1; next }
	{
		plain = $2; sub(/@.*/, "", plain)
		if (plain ~ /^__.*_chk$/) gsub(/^__|_chk$/, "", plain)
		sub(/^__isoc99_/, "", plain)
		if (plain in have) next
		file = $3; sub(/^.*\/kernel\//, "kernel/", file)
		sub(/\.o$/, ".c", file)
		print file ": uses " plain \
			", which test/lint/kernel-symbols.txt does not allow"
		bad = 1
	}
	END { exit bad }'
}

for object in $(objects $core $linux); do
	if [ ! -f "$object" ]; then
		echo "$object: not built"
		exit 1
	fi
done
bad=0
check '[core]' $(objects $core) || bad=1
check '[core][linux]' $(objects $core $linux) || bad=1
exit $bad
