#include "kernel/tasks.h"

#include <stddef.h>

void ph_tasks_append(struct ph_tasks *tasks, struct ph_task *task)
{
	task->next = NULL;
	if (tasks->last)
		tasks->last->next = task;
	else
		tasks->first = task;
	tasks->last = task;
}

struct ph_task *ph_tasks_shift(struct ph_tasks *tasks)
{
	struct ph_task *task = tasks->first;

	if (!task)
		return NULL;
	tasks->first = task->next;
	if (!tasks->first)
		tasks->last = NULL;
	return task;
}

bool ph_tasks_remove(struct ph_tasks *tasks, struct ph_task *task)
{
	struct ph_task *previous = NULL;
	struct ph_task *at = tasks->first;

	while (at && at != task) {
		previous = at;
		at = at->next;
	}
	if (!at)
		return false;
	if (previous)
		previous->next = task->next;
	else
		tasks->first = task->next;
	if (tasks->last == task)
		tasks->last = previous;
	return true;
}

void ph_tasks_join(struct ph_tasks *tasks, struct ph_tasks *more)
{
	if (!more->first)
		return;
	if (tasks->last)
		tasks->last->next = more->first;
	else
		tasks->first = more->first;
	tasks->last = more->last;
	more->first = more->last = NULL;
}
