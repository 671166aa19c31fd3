#ifndef PH_NODE_BOOT_H
#define PH_NODE_BOOT_H

#include "node/node.h"

/*
 * Steps of starting a node, in the order they are taken. Those that can fail
 * tell the error: -1.
 */

/* Signals, file creation mask, descriptor limit. Before any thread. */
void ph_boot_process(void);
/* boot_rooms.c: makes every room, by the steps that follow as far as
 * ph_boot_keep_phrase. */
int ph_boot_rooms(struct ph_node *node, struct ph_error *error);
/* Reads the passphrase, or draws one on a fresh machine. Touches no disk: a
 * node that cannot start leaves nothing that the next start would find. */
int ph_boot_phrase(struct ph_node *node, struct ph_error *error);
/* STATE, 0700. */
int ph_boot_directory(struct ph_node *node, struct ph_error *error);
/* The secret of the passphrase. */
int ph_boot_secret(struct ph_node *node, struct ph_error *error);
/* The name in identities: the host's full name, or the node's. */
void ph_boot_fqdn(char *out, size_t size, const char *node);
/* boot_load.c: trust and peers from the store, turning the loop: nobody may
 * come in before it is known who is trusted. */
int ph_boot_load(struct ph_node *node, struct ph_error *error);
/* What was loaded against the passphrase: a member that has lost its own does
 * not begin a mesh. */
int ph_boot_member(const struct ph_node *node, struct ph_error *error);
/* Binds every address. */
int ph_boot_listen(struct ph_node *node, struct ph_error *error);
/* All else has worked: a new passphrase is kept, and said is how the next
 * machine joins. */
int ph_boot_keep_phrase(struct ph_node *node, struct ph_error *error);
/* Open for business: dials, brings back what was applied, applies -f. */
void ph_boot_open(struct ph_node *node);
/* Applies -f, or the wiring that is built in (boot_wiring.c). */
void ph_boot_wiring(struct ph_node *node);
/* what, where, what next, on stderr. */
void ph_boot_fail(const struct ph_error *error);

#endif
