#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "executor/cgroup_inner.h"

/* Where a node's group is: read from files that look like the kernel's. */

static char proc[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/self/%s", proc, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void expect(const char *controller, const char *where)
{
	char out[PH_CGROUP_PATH];
	int error = ph_cgroup_find(out, sizeof(out), proc, controller);

	assert_int_equal(error, where ? 0 : -ENOENT);
	if (where)
		assert_string_equal(out, where);
}

static void test_second(void **state)
{
	put("cgroup", "0::/system.slice/posthouse.service\n");
	put("mountinfo",
		"22 27 0:21 / /proc rw shared:1 - proc proc rw\n"
		"30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 "
		"cgroup2 rw,nsdelegate\n");
	expect(NULL, "/sys/fs/cgroup/system.slice/posthouse.service");
	expect("memory", NULL);
}

/* A mount that begins below the root of all: a container without a namespace of
 * cgroups. */
static void test_below(void **state)
{
	put("cgroup", "0::/docker/abc/posthouse\n");
	put("mountinfo", "30 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 "
			 "cgroup rw\n");
	expect(NULL, "/sys/fs/cgroup/posthouse");
	put("cgroup", "0::/docker/abc\n");
	expect(NULL, "/sys/fs/cgroup");
}

static void test_first(void **state)
{
	put("cgroup",
		"5:cpu,cpuacct:/a\n4:memory:/b\n1:name=systemd:/\n0::/\n");
	put("mountinfo",
		"31 30 0:27 / /cg/unified rw - cgroup2 cgroup2 rw\n"
		"32 30 0:28 / /cg/cpu,cpuacct rw - cgroup cgroup "
		"rw,cpu,cpuacct\n"
		"33 30 0:29 / /cg/memory rw - cgroup cgroup rw,memory\n");
	expect("memory", "/cg/memory/b");
	expect("cpu", "/cg/cpu,cpuacct/a");
	expect(NULL, "/cg/unified");
	expect("pids", NULL);
	expect("cpuset", NULL);
}

static void test_none(void **state)
{
	put("cgroup", "");
	put("mountinfo", "");
	expect(NULL, NULL);
	put("cgroup", "no colons\n0:\n::\n");
	put("mountinfo", "rubbish\n - cgroup2\n1 - cgroup2 x y\n");
	expect(NULL, NULL);
}

static void test_words(void **state)
{
	assert_true(ph_cgroup_has("cpuset cpu io memory\n", "memory"));
	assert_true(ph_cgroup_has("rw,cpu,cpuacct", "cpu"));
	assert_false(ph_cgroup_has("cpuset cpuacct", "cpu"));
	assert_false(ph_cgroup_has("", "cpu"));
}

/* A number that no process has. */
#define NOBODY 0x3ffffffe

static void make_left(char *out, size_t size, uint64_t space)
{
	snprintf(out, size, "%s/posthouse-%" PRIu64 "-%d", proc, space, NOBODY);
	assert_int_equal(mkdir(out, 0700), 0);
}

/* What a node of another namespace of processes has is not to be judged by its
 * number here. */
static void test_left(void **state)
{
	const struct ph_cgroup_place place = {.proc = proc, .pid = getpid()};
	struct ph_cgroup group = {.count = 0};
	struct ph_limits limits = {.most = {[PH_LIMIT_MEMORY] = 1 << 20}};
	struct stat status;
	char path[128];
	char own[128];
	char other[128];

	snprintf(path, sizeof(path), "%s/self/ns", proc);
	assert_int_equal(mkdir(path, 0700), 0);
	put("ns/pid", "");
	put("cgroup", "4:memory:/\n");
	snprintf(path, sizeof(path),
		"33 30 0:29 / %s rw - cgroup cgroup rw,memory\n", proc);
	put("mountinfo", path);
	snprintf(path, sizeof(path), "%s/self/ns/pid", proc);
	assert_int_equal(stat(path, &status), 0);
	make_left(own, sizeof(own), status.st_ino);
	make_left(other, sizeof(other), status.st_ino + 1);
	ph_cgroup_open(&group, &place, &limits, "it");
	ph_cgroup_close(&group);
	assert_int_equal(access(own, F_OK), -1);
	assert_int_equal(rmdir(other), 0);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = 0;
	assert_int_equal(rmdir(path), 0);
}

static int begin(void **state)
{
	char path[80];

	snprintf(proc, sizeof(proc), "/tmp/cgroup-XXXXXX");
	if (!mkdtemp(proc))
		return -1;
	snprintf(path, sizeof(path), "%s/self", proc);
	return mkdir(path, 0700);
}

static int end(void **state)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/self/cgroup", proc);
	unlink(path);
	snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
	unlink(path);
	snprintf(path, sizeof(path), "%s/self", proc);
	rmdir(path);
	return rmdir(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_left),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
