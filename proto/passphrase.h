#ifndef PH_PROTO_PASSPHRASE_H
#define PH_PROTO_PASSPHRASE_H

#include <stddef.h>
#include <stdint.h>

/*
 * `MESHID-six-words`: MESHID is 8 characters of Crockford's base 32 in lower
 * case (40 random bits, public); the words are pronounceable (proquint
 * alphabet, arXiv:0901.4016), 16 bits each, 96 in all.
 *
 * Any other text of at least 12 characters is a passphrase too; its mesh is
 * `default0`.
 */
#define PH_MESH_ID	    9 /* with the terminating zero */
#define PH_PASSPHRASE	    64
#define PH_PASSPHRASE_LEAST 12	 /* characters */
#define PH_PASSPHRASE_MOST  1024 /* bytes */
#define PH_MESH_SECRET	    32

void ph_passphrase_make(char out[PH_PASSPHRASE]);
/* The same for a mesh that exists (rotation): new words, its MESHID. */
void ph_passphrase_renew(char out[PH_PASSPHRASE], const char mesh[PH_MESH_ID]);
/* -EINVAL: shorter than PH_PASSPHRASE_LEAST characters, longer than
 * PH_PASSPHRASE_MOST bytes, or not UTF-8 (or with a zero byte). The bytes count
 * as they are: no Unicode normalisation. */
int ph_passphrase_mesh(
	char mesh[PH_MESH_ID], const char *phrase, size_t length);
/* Argon2id, t=3, m=64 MiB, salt = BLAKE2b-128("mesh/prs/v1" || mesh): about
 * 90 ms. Blocks: worker thread only. -ENOMEM. */
int ph_passphrase_secret(uint8_t secret[PH_MESH_SECRET],
	const char mesh[PH_MESH_ID], const char *phrase, size_t length);

#endif
