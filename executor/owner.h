#ifndef PH_EXECUTOR_OWNER_H
#define PH_EXECUTOR_OWNER_H

#include <sys/types.h>

/*
 * Whom a confined program of a root node runs as: the owner of its directory.
 * An empty directory of root's is given to a user of the program's own, one
 * of a range that no distribution gives out; a full one is left alone, and
 * its program stays root, without any capability. So `chown` says who it is,
 * and a program finds its files again.
 */
#define PH_OWNER_FIRST 65536u
#define PH_OWNER_LAST  524287u

struct ph_owner {
	uid_t uid; /* 0: as the node is */
	gid_t gid;
};

/* Nobody else has processes as this user. */
int ph_owner_is_own(const struct ph_owner *owner);
/* Does nothing when the node is not root. 0 or a negative errno. */
int ph_owner_choose(
	struct ph_owner *owner, const char *directory, const char *server);

#endif
