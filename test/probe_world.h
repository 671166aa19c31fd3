#ifndef PH_TEST_PROBE_WORLD_H
#define PH_TEST_PROBE_WORLD_H

#include "beacon/session.h"
#include "probe/session.h"

/*
 * A probe and a beacon on a virtual clock, a network between them in which
 * every point behaves as the test says, and somebody who sees and may change
 * what passes.
 */
enum point_kind {
	POINT_BEACON,
	POINT_SILENT, /* a foreign service that waits */
	POINT_TALKER, /* one that speaks first */
	POINT_FAKE,   /* greets with what it overheard */
	POINT_CLOSER, /* accepts and closes */
	POINT_REFUSED,
	POINT_DROPPED,
	POINT_UNREACHABLE,
	POINT_DENIED,
	POINT_LOSSY,  /* the beacon, but the first packet is lost */
	POINT_MAPPED, /* leads to the beacon's next port */
};

#define WORLD_FIRST  20000
#define WORLD_PORTS  20
#define WORLD_EVENTS 4096
#define WORLD_BYTES  1100

struct world_event {
	int64_t at;
	int kind;
	unsigned slot;
	unsigned generation;
	int error;
	size_t length;
	uint8_t data[WORLD_BYTES];
};

struct world_link {
	bool open;
	bool connecting;
	unsigned generation;
	int beacon; /* slot, or -1 */
	enum point_kind kind;
	struct ph_point point;
	size_t foreign_bytes; /* that a foreign service was sent */
};

struct probe_world {
	struct ph_instruct order[2]; /* of the probe, of the beacon */
	uint8_t targets[4 * PH_POINT];
	uint8_t blocks[4 * PH_POINT_BLOCK];
	uint8_t bound[4 * WORLD_PORTS * PH_POINT];
	struct ph_probe_config probe_config;
	struct ph_probe_config beacon_config;
	struct ph_probe_session probe;
	struct ph_beacon_session beacon;
	struct world_link links[PH_PROBE_SLOTS];
	struct world_event *events;
	size_t event_count;
	uint64_t random;
	int64_t now;
	int64_t begun;
	int exit; /* -1: still runs */
	bool beacon_over;
	bool mute;			       /* the beacon's host hangs */
	enum point_kind kinds[2][WORLD_PORTS]; /* address, port */
	uint8_t tried[2][WORLD_PORTS];
	size_t foreign_bytes;
	unsigned off_list;
	uint32_t starts; /* connects of the last second, for the rate */
	int64_t start_times[8192];
	uint8_t overheard[PH_PROBE_BANNER];
	bool has_overheard;
	/* Sees each message to the probe (`to_probe`) or the beacon; may change
	 * it; false: it is lost. */
	bool (*attack)(struct probe_world *world, bool to_probe, unsigned slot,
		uint8_t *data, size_t *length);
	void *context;
};

/* Two addresses, 127.0.0.1 and 10.0.0.1, by WORLD_PORTS ports; all of them the
 * beacon's. */
void probe_world_init(struct probe_world *world, uint64_t seed);
/* Now that everything is as the test wants it. */
void probe_world_start(struct probe_world *world);
/* Until the probe has ended, or for `most` ns. */
void probe_world_run(struct probe_world *world, int64_t most);
void probe_world_fini(struct probe_world *world);
/* Puts bytes into the connection of a slot, to the probe. */
void probe_world_inject(struct probe_world *world, unsigned slot,
	const uint8_t *data, size_t length);
enum ph_verdict probe_world_verdict(
	struct probe_world *world, unsigned address, unsigned port);

#endif
