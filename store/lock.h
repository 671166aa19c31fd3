#ifndef PH_STORE_LOCK_H
#define PH_STORE_LOCK_H

/*
 * One node to a state directory: flock(2) on `DIR/lock`, which the kernel
 * lets go of when the holder dies, however it dies. The file's text is the
 * holder's pid, for the one who is refused.
 */
struct ph_error;

/* Takes the lock beside `path` (a file in the state directory). Returns the
 * descriptor that holds it, or -1 with the error told (exit 5: held). */
int ph_lock_take(const char *path, struct ph_error *error);
/* Lets go; -1 is harmless. */
void ph_lock_drop(int lock);

#endif
