#!/bin/bash
# Who may include whom: doc/layers.txt against every #include.
. test/lint/files.sh
{
	cat doc/layers.txt
	echo '%%'
	find $product_folders $test_folders -name '*.[ch]' -print0 | sort -z |
		xargs -0 grep -nE '^[ \t]*#[ \t]*include' /dev/null
} | awk '
function fail(text) { print where ": " text; bad = 1 }

# The library behind a system header; "" is libc and the kernel of Linux.
function library(header) {
	if (header ~ /^msgpack(\/|\.h)/) return "msgpack"
	if (header ~ /^sodium(\/|\.h)/) return "sodium"
	if (header ~ /^openssl\//) return "openssl"
	if (header ~ /^libfyaml/) return "fyaml"
	if (header ~ /^jansson/) return "jansson"
	if (header ~ /^sqlite3/) return "sqlite"
	if (header ~ /^libwebsockets/) return "websockets"
	if (header ~ /^ut(hash|list|array)\.h/) return "uthash"
	if (header ~ /^seccomp/) return "seccomp"
	if (header == "sys/capability.h") return "cap"
	if (header ~ /^cmocka|^zmq|^nng/) return "test"
	if (header ~ /^(sys|linux|net|netinet|arpa|asm)\//) return ""
	if (header in libc) return ""
	return "?"
}

function allowed_library(folder, file, lib,    stem, i, n, list) {
	# Lists and tables are headers only: no symbol, no state.
	if (lib == "uthash") return folder != "kernel"
	if (("*", folder) in libs) return 1
	if (!((lib, folder) in libs)) return 0
	list = libs[lib, folder]
	stem = file; sub(/^.*\//, "", stem); sub(/\.[ch]$/, "", stem)
	if (list == "") {
		if (!((lib, folder, stem) in used)) {
			used[lib, folder, stem] = 1
			if (++users[lib, folder] > 2)
				fail(lib " enters " folder \
					"/ through more than two files")
		}
		return 1
	}
	n = split(list, part, ",")
	for (i = 1; i <= n; i++)
		if (part[i] == stem) return 1
	return 0
}

BEGIN {
	n = split("aio alloca argp arpa assert byteswap complex ctype dirent " \
		"dlfcn elf endian err errno error execinfo fcntl fenv float " \
		"fnmatch ftw getopt glob grp iconv ifaddrs inttypes iso646 " \
		"langinfo libgen limits link locale malloc math mntent netdb " \
		"poll pthread pwd regex sched search semaphore setjmp shadow " \
		"signal spawn stdalign stdarg stdatomic stdbool stddef stdint " \
		"stdio stdlib stdnoreturn string strings syscall sysexits " \
		"syslog termios threads time tgmath uchar ucontext unistd " \
		"utmp wchar wctype wordexp immintrin", word, " ")
	for (i = 1; i <= n; i++) libc[word[i] ".h"] = 1
}

$0 == "%%" { rules = 1; next }
!rules && /^#|^[ \t]*$/ { next }
!rules {
	split($0, half, "|")
	split(half[1], side, ":")
	folder = side[1]; gsub(/[ \t]/, "", folder)
	known[folder] = 1
	n = split(side[2], word, " ")
	for (i = 1; i <= n; i++) may[folder, word[i]] = 1
	n = split(half[2], word, " ")
	for (i = 1; i <= n; i++) {
		lib = word[i]; list = ""
		if (match(lib, /\(.*\)/)) {
			list = substr(lib, RSTART + 1, RLENGTH - 2)
			lib = substr(lib, 1, RSTART - 1)
		}
		libs[lib, folder] = list
	}
	next
}
{
	split($0, field, ":")
	file = field[1]; where = field[1] ":" field[2]
	folder = file; sub(/\/.*/, "", folder)
	if (!(folder in known)) {
		fail(folder "/ has no row in doc/layers.txt"); next
	}
	if (match($0, /"[^"]*"/)) {
		header = substr($0, RSTART + 1, RLENGTH - 2)
		if (header !~ /\//) {
			fail("\"" header "\": includes start at the root: \"" \
				folder "/" header "\"")
			next
		}
		to = header; sub(/\/.*/, "", to)
		if (to != folder && !((folder, to) in may) && \
			!((folder, "*") in may))
			fail(folder "/ may not see " to "/ (doc/layers.txt)")
	} else if (match($0, /<[^>]*>/)) {
		header = substr($0, RSTART + 1, RLENGTH - 2)
		lib = library(header)
		if (lib == "") next
		if (("*", folder) in libs) next
		if (lib == "?")
			fail("<" header ">: of which library? " \
				"test/lint/layers.sh does not know it")
		else if (!allowed_library(folder, file, lib))
			fail("<" header ">: " lib " may not enter here " \
				"(doc/layers.txt)")
	}
}
END { exit bad }'
