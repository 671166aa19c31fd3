#ifndef PH_NODE_BOOT_H
#define PH_NODE_BOOT_H

#include "node/node.h"

/*
 * Steps of starting a node, in the order they are taken. Those that can fail
 * tell the error: -1.
 */

/* Signals, file creation mask, descriptor limit. Before any thread. */
void ph_boot_process(void);
/* STATE, 0700. */
int ph_boot_directory(struct ph_node *node, struct ph_error *error);
/* Reads the passphrase, or makes one on a fresh machine and says how the next
 * machine joins; derives its secret. */
int ph_boot_passphrase(struct ph_node *node, struct ph_error *error);
/* The name in identities: the host's full name, or the node's. */
void ph_boot_fqdn(char *out, size_t size, const char *node);
/* Trust and peers from the store, turning the loop: nobody may come in before
 * it is known who is trusted. */
int ph_boot_load(struct ph_node *node, struct ph_error *error);
/* Binds every address. */
int ph_boot_listen(struct ph_node *node, struct ph_error *error);
/* Open for business: dials, brings back what was applied, applies -f. */
void ph_boot_open(struct ph_node *node);
/* Applies -f, or the wiring that is built in (boot_wiring.c). */
void ph_boot_wiring(struct ph_node *node);
/* what, where, what next, on stderr. */
void ph_boot_fail(const struct ph_error *error);

#endif
