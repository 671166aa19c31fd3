#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "discovery/inner.h"
#include "kernel/log.h"

/* What this node says of itself: one announcement, kept as it will be said
 * next. */

static void describe(struct ph_announcement *own)
{
	snprintf(own->port, sizeof(own->port), "mesh");
	snprintf(own->port_description, sizeof(own->port_description),
		"posthouse");
	snprintf(own->description, sizeof(own->description), "posthouse node");
	own->can = PH_LLDP_CAN_STATION;
	own->supported = own->enabled = PH_CAN_RELAY | PH_CAN_HOSTESS |
					PH_CAN_CONTROL | PH_CAN_EXECUTE |
					PH_CAN_MEMBERSHIP;
}

int content_init(struct ph_discovery *discovery,
	const struct ph_discovery_config *config)
{
	struct ph_announcement *own = &discovery->own;

	if (strlen(config->mesh) != PH_MESH_BYTES || config->listens > LISTENS)
		return -EINVAL;
	ph_node_id(discovery->self, config->signer->key);
	ph_node_id_text(discovery->id, config->signer->key);
	memcpy(own->id, discovery->self, sizeof(own->id));
	memcpy(own->key, config->signer->key, sizeof(own->key));
	memcpy(own->mesh, config->mesh, PH_MESH_BYTES);
	snprintf(own->name, sizeof(own->name), "%s", config->name);
	snprintf(discovery->name, sizeof(discovery->name), "%s", config->name);
	own->epoch = config->epoch;
	describe(own);
	discovery->local = true;
	for (unsigned i = 0; i < config->listens; i++) {
		discovery->listen[discovery->listens++] = config->listen[i];
		if (config->listen[i].scheme == PH_ADDRESS_TCP)
			discovery->local &=
				ph_address_is_local(&config->listen[i]);
	}
	return 0;
}

static void add_locator(
	struct ph_announcement *own, const struct ph_address *address)
{
	struct ph_locator locator;

	if (own->locators == PH_LOCATORS || ph_locator_of(&locator, address))
		return;
	for (unsigned i = 0; i < own->locators; i++)
		if (!memcmp(&own->locator[i], &locator, sizeof(locator)))
			return;
	own->locator[own->locators++] = locator;
}

/* Every interface stands for a listener on all of them: IPv4 first, it needs no
 * luck with name servers or tunnels; what only leads along one link never. */
static void expand(struct ph_announcement *own, const struct ph_address *listen,
	int family, const struct ph_interfaces *interfaces)
{
	for (unsigned i = 0; i < PH_INTERFACES; i++) {
		const struct ph_interface *interface = &interfaces->all[i];

		for (unsigned k = 0; interface->up && !interface->loopback &&
				     k < interface->address_count;
			k++) {
			const struct ph_interface_address *at =
				&interface->addresses[k];
			struct ph_address address = {
				.scheme = listen->scheme, .port = listen->port};

			if (at->family != family || !at->usable ||
				(family == AF_INET6 &&
					IN6_IS_ADDR_LINKLOCAL(&at->v6)))
				continue;
			inet_ntop(family, &at->v4, address.host,
				sizeof(address.host));
			add_locator(own, &address);
		}
	}
}

static void manage(struct ph_announcement *own)
{
	unsigned count = 0;

	memset(own->management, 0, sizeof(own->management));
	for (unsigned i = 0; i < own->locators && count < 2; i++) {
		const struct ph_locator *locator = &own->locator[i];

		if (locator->kind == PH_LOCATOR_NAME)
			continue;
		own->management[count].length = locator->length;
		memcpy(own->management[count].bytes, locator->host,
			locator->length);
		count++;
	}
}

void content_locate(struct ph_discovery *discovery)
{
	struct ph_announcement before = discovery->own;
	struct ph_announcement *own = &discovery->own;
	const struct ph_interfaces *interfaces =
		ph_interface_watch_table(discovery->watch);

	own->locators = 0;
	memset(own->locator, 0, sizeof(own->locator));
	for (unsigned i = 0; i < discovery->listens; i++) {
		const struct ph_address *listen = &discovery->listen[i];

		if (!listen->host[0] || !strcmp(listen->host, "::"))
			expand(own, listen, AF_INET, interfaces);
		if (!strcmp(listen->host, "0.0.0.0"))
			expand(own, listen, AF_INET, interfaces);
		if (!listen->host[0] || !strcmp(listen->host, "::"))
			expand(own, listen, AF_INET6, interfaces);
		add_locator(own, listen);
	}
	manage(own);
	if (memcmp(before.locator, own->locator, sizeof(own->locator)) != 0)
		content_changed(discovery);
}

void content_changed(struct ph_discovery *discovery)
{
	discovery->own.content++;
	if (!discovery->started)
		return;
	ph_announcer_step(&discovery->announcer, PH_ANNOUNCER_ON_CHANGED,
		ph_loop_now(discovery->loop));
	announcer_arm(discovery);
}

static bool same_digest(const struct ph_digest *a, const struct ph_digest *b)
{
	return a->version == b->version && a->count == b->count &&
	       !memcmp(a->hash, b->hash, sizeof(a->hash));
}

void ph_discovery_set_menu(struct ph_discovery *discovery, uint64_t version,
	uint32_t count, const uint8_t digest[16])
{
	struct ph_digest menu = {.version = version, .count = count};

	memcpy(menu.hash, digest, sizeof(menu.hash));
	if (same_digest(&menu, &discovery->own.menu))
		return;
	discovery->own.menu = menu;
	content_changed(discovery);
}

void ph_discovery_set_caps(
	struct ph_discovery *discovery, const char *const *caps, size_t count)
{
	struct ph_announcement before = discovery->own;
	struct ph_announcement *own = &discovery->own;

	own->caps_length = 0;
	own->flags &= (uint8_t)~PH_CAPS_INCOMPLETE;
	for (size_t i = 0; i < count; i++)
		if (ph_announcement_cap_add(own, caps[i]) == -EINVAL)
			ph_log_warn(
				"discovery", "cap.refused cap=\"%s\"", caps[i]);
	if (before.caps_length != own->caps_length ||
		memcmp(before.caps, own->caps, own->caps_length) != 0)
		content_changed(discovery);
}

void ph_discovery_set_epoch(struct ph_discovery *discovery, uint64_t epoch)
{
	discovery->own.epoch = epoch;
	membership_epoch(discovery, epoch);
	content_changed(discovery);
}

int content_write(struct ph_discovery *discovery, uint16_t ttl)
{
	struct ph_announcement *own = &discovery->own;
	const uint8_t *ring =
		discovery->ring_count ? discovery->ring[0].key : NULL;
	int length;

	own->ttl = ttl;
	own->seq++;
	own->ring = ring ? discovery->ring[0].id : 0;
	length = ph_announcement_write(own, discovery->bytes);
	if (length < 0)
		return length;
	discovery->length = (size_t)length;
	ph_seal_announcement(
		discovery->bytes, discovery->length, discovery->signer, ring);
	return 0;
}
