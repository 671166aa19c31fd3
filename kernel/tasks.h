#ifndef PH_KERNEL_TASKS_H
#define PH_KERNEL_TASKS_H

#include <stdbool.h>

#include "kernel/hal.h"

/* Tasks in the order they came, linked through themselves. Whether a task is
 * `queued` is the business of who holds the list. */
struct ph_tasks {
	struct ph_task *first;
	struct ph_task *last;
};

void ph_tasks_append(struct ph_tasks *tasks, struct ph_task *task);
/* Takes the oldest, or NULL. */
struct ph_task *ph_tasks_shift(struct ph_tasks *tasks);
/* False when it is not in the list. */
bool ph_tasks_remove(struct ph_tasks *tasks, struct ph_task *task);
/* Moves all of `more` behind what is here. */
void ph_tasks_join(struct ph_tasks *tasks, struct ph_tasks *more);

#endif
