#ifndef PH_NODE_MENUS_H
#define PH_NODE_MENUS_H

#include "node/node.h"

/*
 * What the peers offered when they were last asked. An announcement tells which
 * menu a node has; another than the one known here is fetched as soon as a
 * line to it stands. Kept in the store, so that `menu NODE` has an answer when
 * NODE is away. Serves discovery.menu and
 * discovery.offer.
 */
#define PH_MENUS	   1024u
#define PH_MENU_BYTES	   ((size_t)128 * 1024) /* of one */
#define PH_MENUS_ALL_BYTES ((size_t)4 * 1024 * 1024)

struct ph_menus;

int ph_menus_create(struct ph_menus **out, struct ph_node *node);
void ph_menus_load(struct ph_menus *menus);
void ph_menus_destroy(struct ph_menus *menus);

/* The node's announcement says so. */
void ph_menus_said(struct ph_menus *menus, const char *id, const char *name,
	uint64_t epoch, uint64_t version, const uint8_t digest[16]);
/* A line to it came up. */
void ph_menus_line(struct ph_menus *menus, const char *id);
void ph_menus_forget(struct ph_menus *menus, const char *id);
/* A list "caps" of an open map, if it came with the menu. */
bool ph_menus_write_caps(
	struct ph_menus *menus, const char *id, struct ph_writer *writer);
/* Pairs "menu_version" and "menu" (known | old | none) of an open map. */
void ph_menus_describe(
	struct ph_menus *menus, const char *id, struct ph_writer *writer);

#endif
