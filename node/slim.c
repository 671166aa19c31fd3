#include "node/slim.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* Only what is never written: the pages are the file's, so dropping them
 * loses nothing. Relocated tables are in a writable segment. */
static void drop_segment(uintptr_t base, const ElfW(Phdr) * segment)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = base + segment->p_vaddr;
	uintptr_t end = begin + segment->p_filesz;

	if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
		return;
	begin &= ~(page - 1);
	end &= ~(page - 1);
	if (end > begin)
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static int drop_object(struct dl_phdr_info *object, size_t size, void *context)
{
	for (int i = 0; i < object->dlpi_phnum; i++)
		drop_segment(object->dlpi_addr, &object->dlpi_phdr[i]);
	return 1; /* the first is the program; libraries are shared anyway */
}

static void slim_on_due(struct ph_timer *timer)
{
	struct ph_slim *slim =
		(struct ph_slim *)((char *)timer -
				   offsetof(struct ph_slim, timer));
	int64_t wait = PH_SLIM_AFTER;

	malloc_trim(0);
	dl_iterate_phdr(drop_object, NULL);
	/* Started again after a burst, it is done once. */
	if (slim->times + 1 >= PH_SLIM_TIMES)
		return;
	slim->times++;
	for (unsigned i = 0; i < slim->times; i++)
		wait *= 5;
	ph_timer_start(slim->loop, timer, ph_loop_now(slim->loop) + wait);
}

void ph_slim_start(struct ph_slim *slim, struct ph_loop *loop)
{
	slim->loop = loop;
	slim->timer.on_due = slim_on_due;
	ph_timer_start(loop, &slim->timer, ph_loop_now(loop) + PH_SLIM_AFTER);
}

void ph_slim_stop(struct ph_slim *slim)
{
	if (slim->loop)
		ph_timer_stop(slim->loop, &slim->timer);
}
