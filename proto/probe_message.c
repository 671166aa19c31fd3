#include "proto/probe_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "kernel/bytes.h"

static const uint8_t magic[8] = {'p', 'h', 'b', 'e', 'a', 'c', 'n', '1'};

void ph_banner_write(uint8_t out[PH_PROBE_BANNER],
	const uint8_t nonce[PH_PROBE_NONCE], const uint8_t mac[PH_PROBE_MAC])
{
	memcpy(out, magic, sizeof(magic));
	memcpy(out + 8, nonce, PH_PROBE_NONCE);
	memcpy(out + 24, mac, PH_PROBE_MAC);
}

int ph_banner_read(const uint8_t in[PH_PROBE_BANNER], const uint8_t **nonce,
	const uint8_t **mac)
{
	if (memcmp(in, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	*nonce = in + 8;
	*mac = in + 24;
	return 0;
}

bool ph_banner_begins(const uint8_t *data, size_t length)
{
	return memcmp(data, magic,
		       length < sizeof(magic) ? length : sizeof(magic)) == 0;
}

int ph_probe_frame_read(
	struct ph_probe_frame *frame, const uint8_t *data, size_t length)
{
	if (length < PH_PROBE_HEADER)
		return -EAGAIN;
	frame->length = ph_load16(data);
	frame->type = data[2];
	if (frame->length > PH_PROBE_BODY || data[3] ||
		frame->type < PH_PROBE_HANDSHAKE ||
		frame->type > PH_PROBE_TERMINATE ||
		frame->type == PH_PROBE_GREETING)
		return -EBADMSG;
	frame->size = PH_PROBE_HEADER + (size_t)frame->length + PH_PROBE_MAC;
	frame->body = data + PH_PROBE_HEADER;
	frame->mac = frame->body + frame->length;
	return length < frame->size ? -EAGAIN : 0;
}

void ph_probe_frame_header(
	uint8_t out[PH_PROBE_HEADER], uint8_t type, size_t length)
{
	assert(length <= PH_PROBE_BODY);
	ph_store16(out, (uint16_t)length);
	out[2] = type;
	out[3] = 0;
}

size_t ph_challenge_write(
	const struct ph_challenge *challenge, uint8_t out[PH_CHALLENGE])
{
	memcpy(out, challenge->session, PH_PROBE_SESSION);
	memcpy(out + 16, challenge->nonce, PH_PROBE_NONCE);
	ph_point_write(&challenge->dialled, out + 32);
	out[50] = challenge->secure;
	out[51] = 0;
	return PH_CHALLENGE;
}

int ph_challenge_read(
	struct ph_challenge *challenge, const uint8_t *data, size_t length)
{
	if (length != PH_CHALLENGE || data[50] > 1 || data[51])
		return -EBADMSG;
	memcpy(challenge->session, data, PH_PROBE_SESSION);
	memcpy(challenge->nonce, data + 16, PH_PROBE_NONCE);
	ph_point_read(&challenge->dialled, data + 32);
	challenge->secure = data[50];
	return 0;
}

size_t ph_response_write(
	const struct ph_response *response, uint8_t out[PH_RESPONSE])
{
	memcpy(out, response->nonce, PH_PROBE_NONCE);
	ph_point_write(&response->observed, out + 16);
	return PH_RESPONSE;
}

int ph_response_read(
	struct ph_response *response, const uint8_t *data, size_t length)
{
	if (length != PH_RESPONSE)
		return -EBADMSG;
	memcpy(response->nonce, data, PH_PROBE_NONCE);
	ph_point_read(&response->observed, data + 16);
	return 0;
}

void ph_probe_row_write(
	const struct ph_probe_row *row, uint8_t out[PH_PROBE_ROW])
{
	ph_point_write(&row->point, out);
	out[18] = row->transport;
	out[19] = row->verdict;
	ph_store16(out + 20, row->error);
	ph_store16(out + 22, row->met);
	ph_store32(out + 24, row->rtt_us);
}

int ph_probe_row_read(struct ph_probe_row *row, const uint8_t in[PH_PROBE_ROW])
{
	ph_point_read(&row->point, in);
	row->transport = in[18];
	row->verdict = in[19];
	row->error = ph_load16(in + 20);
	row->met = ph_load16(in + 22);
	row->rtt_us = ph_load32(in + 24);
	if (row->transport == 0 || row->transport >= PH_REACH_TRANSPORTS ||
		row->verdict == PH_VERDICT_UNTRIED ||
		row->verdict >= PH_VERDICTS)
		return -EBADMSG;
	return 0;
}

size_t ph_report_write(
	const struct ph_report *report, uint8_t out[PH_PROBE_BODY])
{
	size_t rows = (size_t)report->count * PH_PROBE_ROW;

	memset(out, 0, 4);
	out[0] = (uint8_t)report->part;
	switch (report->part) {
	case PH_REPORT_BEGIN:
		ph_store32(out + 4, report->count);
		return 8;
	case PH_REPORT_ROWS:
		assert(report->count && report->count <= PH_REPORT_ROWS_MOST);
		ph_store16(out + 2, (uint16_t)report->count);
		memcpy(out + 4, report->rows, rows);
		return 4 + rows;
	default:
		memcpy(out + 4, report->digest, PH_PROBE_DIGEST);
		return 4 + PH_PROBE_DIGEST;
	}
}

static int report_rows(
	struct ph_report *report, const uint8_t *data, size_t length)
{
	report->count = ph_load16(data + 2);
	report->rows = data + 4;
	return report->count == 0 || length != 4 + (size_t)report->count *
							       PH_PROBE_ROW
		       ? -EBADMSG
		       : 0;
}

int ph_report_read(struct ph_report *report, const uint8_t *data, size_t length)
{
	memset(report, 0, sizeof(*report));
	if (length < 8 || length > PH_PROBE_BODY || data[1])
		return -EBADMSG;
	report->part = data[0];
	if (report->part == PH_REPORT_ROWS)
		return report_rows(report, data, length);
	if (data[2] || data[3])
		return -EBADMSG;
	if (report->part == PH_REPORT_BEGIN) {
		report->count = ph_load32(data + 4);
		return length == 8 ? 0 : -EBADMSG;
	}
	report->digest = data + 4;
	return report->part == PH_REPORT_END && length == 4 + PH_PROBE_DIGEST
		       ? 0
		       : -EBADMSG;
}

size_t ph_complete_write(
	const struct ph_complete *complete, uint8_t out[PH_COMPLETE])
{
	uint8_t *at = out;

	for (unsigned i = 0; i < PH_VERDICTS; i++, at += 4)
		ph_store32(at, complete->counts[i]);
	memcpy(at, complete->digest, PH_PROBE_DIGEST);
	memcpy(at + PH_PROBE_DIGEST, complete->nonce, PH_PROBE_NONCE);
	return PH_COMPLETE;
}

int ph_complete_read(
	struct ph_complete *complete, const uint8_t *data, size_t length)
{
	if (length != PH_COMPLETE)
		return -EBADMSG;
	for (unsigned i = 0; i < PH_VERDICTS; i++, data += 4)
		complete->counts[i] = ph_load32(data);
	memcpy(complete->digest, data, PH_PROBE_DIGEST);
	memcpy(complete->nonce, data + PH_PROBE_DIGEST, PH_PROBE_NONCE);
	return 0;
}

size_t ph_terminate_write(
	const struct ph_terminate *terminate, uint8_t out[PH_TERMINATE])
{
	memcpy(out, terminate->session, PH_PROBE_SESSION);
	memcpy(out + 16, terminate->nonce, PH_PROBE_NONCE);
	return PH_TERMINATE;
}

int ph_terminate_read(
	struct ph_terminate *terminate, const uint8_t *data, size_t length)
{
	if (length != PH_TERMINATE)
		return -EBADMSG;
	memcpy(terminate->session, data, PH_PROBE_SESSION);
	memcpy(terminate->nonce, data + 16, PH_PROBE_NONCE);
	return 0;
}
