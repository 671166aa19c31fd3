#include "proto/probe_order.h"

#include <errno.h>
#include <string.h>

#include "kernel/bytes.h"
#include "proto/address.h"

enum {
	INSTRUCT_HEAD = 188,
	READY_HEAD = 56,
	SKIP = PH_POINT + 2,
	FLAG_MAPPED = 1,
	FLAG_SECURE = 2,
	FLAG_KNOWN = 4,
};

/* The header in front of a body that stands already. */
static int finish(uint8_t type, size_t length, uint8_t *out)
{
	memset(out, 0, PH_ORDER_HEADER);
	ph_store32(out, (uint32_t)length);
	out[4] = type;
	return (int)(PH_ORDER_HEADER + length);
}

static bool fits(size_t length, size_t size)
{
	return length <= PH_ORDER_MOST && size >= PH_ORDER_HEADER + length;
}

int ph_order_write(uint8_t type, const void *body, size_t length, uint8_t *out,
	size_t size)
{
	if (!fits(length, size))
		return -ENOSPC;
	memcpy(out + PH_ORDER_HEADER, body, length);
	return finish(type, length, out);
}

int ph_order_read(struct ph_order *order, const uint8_t *data, size_t length)
{
	if (length < PH_ORDER_HEADER)
		return -EAGAIN;
	order->length = ph_load32(data);
	order->type = data[4];
	if (order->length > PH_ORDER_MOST || data[5] || data[6] || data[7] ||
		order->type < PH_PROBE_INSTRUCT || order->type > PH_PROBE_OVER)
		return -EBADMSG;
	order->body = data + PH_ORDER_HEADER;
	order->size = PH_ORDER_HEADER + order->length;
	return length < order->size ? -EAGAIN : 0;
}

static size_t points_of(const struct ph_instruct *instruct)
{
	return ((size_t)instruct->last - instruct->first + 1) *
	       instruct->targets.count;
}

static size_t instruct_length(const struct ph_instruct *instruct)
{
	return INSTRUCT_HEAD +
	       (size_t)(instruct->targets.count + instruct->bound.count) *
		       PH_POINT +
	       (size_t)instruct->allowed * PH_POINT_BLOCK +
	       (instruct->known ? points_of(instruct) / 8 + 1 : 0);
}

static uint8_t *append(uint8_t *out, const uint8_t *data, size_t length)
{
	if (length)
		memcpy(out, data, length);
	return out + length;
}

int ph_instruct_write(
	const struct ph_instruct *instruct, uint8_t *out, size_t size)
{
	size_t length = instruct_length(instruct);
	uint8_t *body = out + PH_ORDER_HEADER;
	uint8_t *at = body + INSTRUCT_HEAD;

	if (!fits(length, size))
		return -ENOSPC;
	memset(body, 0, INSTRUCT_HEAD);
	memcpy(body, instruct->session, PH_PROBE_SESSION);
	body[16] = (uint8_t)((instruct->mapped ? FLAG_MAPPED : 0) |
			     (instruct->secure ? FLAG_SECURE : 0) |
			     (instruct->known ? FLAG_KNOWN : 0));
	body[17] = (uint8_t)instruct->targets.count;
	body[18] = (uint8_t)instruct->allowed;
	ph_store16(body + 20, instruct->first);
	ph_store16(body + 22, instruct->last);
	ph_store16(body + 24, instruct->rate);
	ph_store16(body + 26, instruct->in_flight);
	ph_store32(body + 28, instruct->timeout_ms);
	ph_store32(body + 32, instruct->deadline_ms);
	memcpy(body + 36, instruct->key, PH_PUBLIC_KEY);
	memcpy(body + 68, instruct->peer, PH_PUBLIC_KEY);
	memcpy(body + 100, instruct->secure_key, PH_PUBLIC_KEY);
	memcpy(body + 132, instruct->mesh, PH_MESH_ID);
	memcpy(body + 141, instruct->name, 40);
	ph_store32(body + 184, instruct->bound.count);
	at = append(at, instruct->targets.data,
		(size_t)instruct->targets.count * PH_POINT);
	at = append(at, instruct->allow,
		(size_t)instruct->allowed * PH_POINT_BLOCK);
	at = append(at, instruct->bound.data,
		(size_t)instruct->bound.count * PH_POINT);
	if (instruct->known)
		append(at, instruct->known, points_of(instruct) / 8 + 1);
	return finish(PH_PROBE_INSTRUCT, length, out);
}

/* What no executor of ours would ask for. */
static bool instruct_is_sane(const struct ph_instruct *instruct)
{
	return instruct->first >= PH_POINT_LOWEST &&
	       instruct->last >= instruct->first && instruct->rate &&
	       instruct->rate <= 10000 && instruct->in_flight &&
	       instruct->in_flight <= 256 && instruct->timeout_ms &&
	       instruct->deadline_ms && instruct->targets.count &&
	       instruct->targets.count <= PH_ORDER_TARGETS &&
	       instruct->allowed <= PH_ORDER_TARGETS &&
	       instruct->bound.count <= PH_ORDER_BOUND &&
	       points_of(instruct) <= PH_PROBE_POINTS &&
	       memchr(instruct->mesh, 0, PH_MESH_ID) &&
	       memchr(instruct->name, 0, 40) &&
	       ph_name_is_valid(instruct->name, strlen(instruct->name));
}

int ph_instruct_read(
	struct ph_instruct *instruct, const uint8_t *data, size_t length)
{
	static const uint8_t zero[3];

	if (length < INSTRUCT_HEAD || data[19] || data[16] > 7 ||
		memcmp(data + 181, zero, sizeof(zero)) != 0)
		return -EBADMSG;
	memcpy(instruct->session, data, PH_PROBE_SESSION);
	instruct->mapped = data[16] & FLAG_MAPPED;
	instruct->secure = data[16] & FLAG_SECURE;
	instruct->targets.count = data[17];
	instruct->allowed = data[18];
	instruct->first = ph_load16(data + 20);
	instruct->last = ph_load16(data + 22);
	instruct->rate = ph_load16(data + 24);
	instruct->in_flight = ph_load16(data + 26);
	instruct->timeout_ms = ph_load32(data + 28);
	instruct->deadline_ms = ph_load32(data + 32);
	memcpy(instruct->key, data + 36, PH_PUBLIC_KEY);
	memcpy(instruct->peer, data + 68, PH_PUBLIC_KEY);
	memcpy(instruct->secure_key, data + 100, PH_PUBLIC_KEY);
	memcpy(instruct->mesh, data + 132, PH_MESH_ID);
	memcpy(instruct->name, data + 141, 40);
	instruct->bound.count = ph_load32(data + 184);
	instruct->known = data[16] & FLAG_KNOWN ? data : NULL;
	if (!instruct_is_sane(instruct) || length != instruct_length(instruct))
		return -EBADMSG;
	instruct->targets.data = data + INSTRUCT_HEAD;
	instruct->allow = instruct->targets.data +
			  (size_t)instruct->targets.count * PH_POINT;
	instruct->bound.data =
		instruct->allow + (size_t)instruct->allowed * PH_POINT_BLOCK;
	if (instruct->known)
		instruct->known = instruct->bound.data +
				  (size_t)instruct->bound.count * PH_POINT;
	return 0;
}

void ph_instruct_block(const struct ph_instruct *instruct, uint32_t index,
	struct ph_point_block *out)
{
	const uint8_t *at = instruct->allow + (size_t)index * PH_POINT_BLOCK;

	memcpy(out->address, at, 16);
	out->prefix = at[16];
}

const char *ph_instruct_refuses(
	const struct ph_instruct *instruct, const struct ph_point *point)
{
	const char *why = ph_point_forbidden(point);
	struct ph_point_block block;

	if (why)
		return why;
	if (point->port < instruct->first || point->port > instruct->last)
		return "a port out of the range";
	for (uint32_t i = 0; i < instruct->allowed; i++) {
		ph_instruct_block(instruct, i, &block);
		if (ph_point_in_block(point, &block))
			return NULL;
	}
	return "an address that is not on the list";
}

static size_t ready_length(const struct ph_ready *ready)
{
	return READY_HEAD + (size_t)ready->bound.count * PH_POINT +
	       (size_t)ready->skipped * SKIP;
}

int ph_ready_write(const struct ph_ready *ready, uint8_t *out, size_t size)
{
	size_t length = ready_length(ready);
	uint8_t *body = out + PH_ORDER_HEADER;
	uint8_t *at = body + READY_HEAD;

	if (!fits(length, size))
		return -ENOSPC;
	memcpy(body, ready->session, PH_PROBE_SESSION);
	memcpy(body + 16, ready->secure_key, PH_PUBLIC_KEY);
	ph_store32(body + 48, ready->bound.count);
	ph_store32(body + 52, ready->skipped);
	at = append(
		at, ready->bound.data, (size_t)ready->bound.count * PH_POINT);
	append(at, ready->skips, (size_t)ready->skipped * SKIP);
	return finish(PH_PROBE_READY, length, out);
}

int ph_ready_read(struct ph_ready *ready, const uint8_t *data, size_t length)
{
	if (length < READY_HEAD)
		return -EBADMSG;
	memcpy(ready->session, data, PH_PROBE_SESSION);
	memcpy(ready->secure_key, data + 16, PH_PUBLIC_KEY);
	ready->bound.count = ph_load32(data + 48);
	ready->skipped = ph_load32(data + 52);
	if (ready->bound.count > PH_ORDER_BOUND ||
		ready->skipped > PH_ORDER_BOUND ||
		length != ready_length(ready))
		return -EBADMSG;
	ready->bound.data = data + READY_HEAD;
	ready->skips =
		ready->bound.data + (size_t)ready->bound.count * PH_POINT;
	return 0;
}

int ph_progress_write(
	const struct ph_progress *progress, uint8_t *out, size_t size)
{
	uint8_t body[8];

	ph_store32(body, progress->done);
	ph_store32(body + 4, progress->total);
	return ph_order_write(PH_PROBE_PROGRESS, body, sizeof(body), out, size);
}

int ph_progress_read(
	struct ph_progress *progress, const uint8_t *data, size_t length)
{
	if (length != 8)
		return -EBADMSG;
	progress->done = ph_load32(data);
	progress->total = ph_load32(data + 4);
	return progress->done > progress->total ? -EBADMSG : 0;
}

int ph_over_write(const struct ph_over *over, uint8_t *out, size_t size)
{
	uint8_t body[16] = {over->exit};

	ph_store32(body + 4, over->connects);
	ph_store32(body + 8, over->ignored);
	ph_store32(body + 12, over->guesses);
	return ph_order_write(PH_PROBE_OVER, body, sizeof(body), out, size);
}

int ph_over_read(struct ph_over *over, const uint8_t *data, size_t length)
{
	if (length != 16 || data[1] || data[2] || data[3])
		return -EBADMSG;
	over->exit = data[0];
	over->connects = ph_load32(data + 4);
	over->ignored = ph_load32(data + 8);
	over->guesses = ph_load32(data + 12);
	return 0;
}
