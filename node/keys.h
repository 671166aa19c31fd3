#ifndef PH_NODE_KEYS_H
#define PH_NODE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/error.h"
#include "proto/identity.h"
#include "proto/passphrase.h"

/*
 * The node's secrets in files: its identity, the passphrase, the secret derived
 * from it. Every file is made 0600, written beside its name, flushed and
 * renamed; every descriptor is O_CLOEXEC; secrets live in memory of
 * sodium_malloc (locked, never in a core) and are wiped.
 *
 * All of it blocks: at boot, or on the worker thread.
 */

/* First thing in main: starts the library of secrets, forbids core files and
 * reading this process's memory by others of the same user. -1 with `error`. */
int ph_secrets_harden(struct ph_error *error);

/* Identity: DIR/identity.key, the 32 bytes of an Ed25519 seed. */
struct ph_keys {
	uint8_t seed[32];
	uint8_t key[PH_PUBLIC_KEY];
	char id[PH_NODE_ID_TEXT];
};

/* Reads it, or makes it on the first run. Exit 6 when others may read the
 * file, 1 when it is damaged or the disk refuses. */
int ph_keys_open(
	struct ph_keys **out, const char *directory, struct ph_error *error);
/* Wipes; NULL is harmless. */
void ph_keys_close(struct ph_keys *keys);

/* A passphrase as read from a file. */
struct ph_phrase {
	char mesh[PH_MESH_ID];
	/* Which file it was, and in which state: how a cached secret knows
	 * that it is of this passphrase, without holding anything that a guess
	 * could be tried on. */
	uint8_t origin[32];
	size_t length;
	char text[PH_PASSPHRASE_MOST + 2];
};

/*
 * One line, the line end is cut off. A regular file must belong to this user
 * or root and be readable by nobody else (exit 6); a pipe (/dev/fd/N) is read
 * to its end. Missing: exit 4; unreadable: exit 6; too short, too long or not
 * UTF-8: exit 2.
 */
int ph_phrase_read(
	struct ph_phrase **out, const char *path, struct ph_error *error);
/* A new one, in memory alone. -1. */
int ph_phrase_make(struct ph_phrase **out, struct ph_error *error);
void ph_phrase_free(struct ph_phrase *phrase);
/* DIR/passphrase: what `up` makes on a fresh machine and rotation replaces. */
#define PH_PHRASE_FILE "passphrase"
int ph_phrase_save(
	const char *directory, const char *text, struct ph_error *error);

/* The secret that the passphrase gave, kept beside it. */
#define PH_SECRET_FILE "mesh.key"

/*
 * DIR/mesh.key: the secret of Argon2id. 0; -ENOENT when there is none for this
 * phrase (another file, a changed one, a damaged cache): derive it anew.
 */
int ph_secret_load(uint8_t secret[PH_MESH_SECRET], const char *directory,
	const struct ph_phrase *phrase);
int ph_secret_save(const uint8_t secret[PH_MESH_SECRET], const char *directory,
	const struct ph_phrase *phrase, struct ph_error *error);
/* From the cache or by Argon2id (90 ms), then cached; a cache that cannot be
 * written is no error. */
int ph_secret_get(uint8_t secret[PH_MESH_SECRET], const char *directory,
	const struct ph_phrase *phrase, struct ph_error *error);

#endif
