#include "kernel/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Looks before sleeping, about 20 us: less than a wake-up across CPUs costs
 * where an idle CPU has to be fetched back first. */
#define MEMORY_SPIN 1000u

int ph_memory_create(uint64_t length)
{
	int fd =
		memfd_create("posthouse-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)length) ||
		fcntl(fd, F_ADD_SEALS, MEMORY_SEALS)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int ph_memory_check(int fd, uint64_t length)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat status;

	if (seals < 0)
		return -EINVAL;
	if ((seals & MEMORY_SEALS) != MEMORY_SEALS)
		return -EPERM;
	if (fstat(fd, &status) || (uint64_t)status.st_size != length)
		return -EINVAL;
	return 0;
}

static int map_at(
	uint8_t *at, uint64_t size, int protection, int fd, uint64_t offset)
{
	void *got = mmap(at, size, protection, MAP_SHARED | MAP_FIXED, fd,
		(off_t)offset);

	return got == MAP_FAILED ? -errno : 0;
}

int ph_memory_map(int fd, uint64_t offset, uint64_t size, bool writable,
	struct ph_ring_memory *out)
{
	int protection = PROT_READ | (writable ? PROT_WRITE : 0);
	uint64_t behind = offset + PH_MEMORY_CONTROL;
	uint64_t whole = PH_MEMORY_CONTROL + 2 * size;
	uint8_t *base;
	int error;

	if (!size || size & (size - 1) || size % PH_MEMORY_CONTROL)
		return -EINVAL;
	/* The addresses first, so that both halves lie side by side. */
	base = mmap(NULL, whole, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	error = map_at(
		base, PH_MEMORY_CONTROL, PROT_READ | PROT_WRITE, fd, offset);
	if (!error)
		error = map_at(
			base + PH_MEMORY_CONTROL, size, protection, fd, behind);
	if (!error)
		error = map_at(base + PH_MEMORY_CONTROL + size, size,
			protection, fd, behind);
	if (error) {
		munmap(base, whole);
		return error;
	}
	*out = (struct ph_ring_memory){
		.control = base,
		.data = base + PH_MEMORY_CONTROL,
		.size = size,
	};
	return 0;
}

void ph_memory_unmap(struct ph_ring_memory *memory)
{
	if (memory->control)
		munmap(memory->control, PH_MEMORY_CONTROL + 2 * memory->size);
	*memory = (struct ph_ring_memory){0};
}

static int hal_map(void *context, uint64_t size, struct ph_ring_memory *out)
{
	int fd = ph_memory_create(ph_memory_length(size));
	int error;

	if (fd < 0)
		return fd;
	error = ph_memory_map(fd, 0, size, true, out);
	close(fd);
	return error;
}

static void hal_unmap(void *context, struct ph_ring_memory *memory)
{
	ph_memory_unmap(memory);
}

static void hal_wake(void *context, _Atomic uint32_t *bell)
{
	syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool hal_sleep(
	void *context, _Atomic uint32_t *bell, uint32_t seen, int64_t until)
{
	struct timespec when = {
		.tv_sec = until / PH_SECOND,
		.tv_nsec = until % PH_SECOND,
	};
	/* The form whose time is absolute, on CLOCK_MONOTONIC. */
	long code = syscall(SYS_futex, bell, FUTEX_WAIT_BITSET, seen,
		until ? &when : NULL, NULL, FUTEX_BITSET_MATCH_ANY);

	return code == 0 || errno != ETIMEDOUT;
}

struct ph_ring_hal ph_ring_hal_linux(void)
{
	cpu_set_t cpus;
	bool several = !sched_getaffinity(0, sizeof(cpus), &cpus) &&
		       CPU_COUNT(&cpus) > 1;

	return (struct ph_ring_hal){
		.map = hal_map,
		.unmap = hal_unmap,
		.wake = hal_wake,
		.sleep = hal_sleep,
		.spin = several ? MEMORY_SPIN : 0,
	};
}
