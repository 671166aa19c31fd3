#!/bin/sh
# Fuzzing wants clang with its libFuzzer; says so when it is not here.
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
cat >"$probe/probe.c" <<'END'
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return 0; }
END
clang -w -fsanitize=fuzzer,address -o "$probe/probe" "$probe/probe.c" \
	>"$probe/log" 2>&1 && exit 0
cat "$probe/log" >&2
echo "fuzz: needs clang with libFuzzer (Debian: clang, libclang-rt-*-dev);" \
	"'make test' replays the corpus without it" >&2
exit 1
