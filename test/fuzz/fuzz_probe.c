/* What a probe and a beacon say: what is taken is written as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "proto/probe_matrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(
	const uint8_t *out, size_t length, const struct ph_probe_frame *frame)
{
	if (length != frame->length || memcmp(out, frame->body, length) != 0)
		abort();
}

static void take_report(const struct ph_probe_frame *frame)
{
	uint8_t out[PH_PROBE_BODY];
	struct ph_probe_intake intake = {0};
	struct ph_probe_row row;
	struct ph_report report;
	uint8_t again[PH_PROBE_ROW];

	if (ph_report_read(&report, frame->body, frame->length))
		return;
	same(out, ph_report_write(&report, out), frame);
	for (uint32_t i = 0; report.rows && i < report.count; i++) {
		const uint8_t *at = report.rows + i * PH_PROBE_ROW;

		if (ph_probe_row_read(&row, at))
			continue;
		ph_probe_row_write(&row, again);
		if (memcmp(again, at, sizeof(again)) != 0)
			abort();
	}
	ph_probe_intake_take(&intake, frame->body, frame->length);
	ph_probe_intake_take(&intake, frame->body, frame->length);
	ph_probe_matrix_fini(&intake.matrix);
}

static void take_body(const struct ph_probe_frame *frame)
{
	uint8_t out[PH_PROBE_BODY];
	struct ph_challenge challenge;
	struct ph_response response;
	struct ph_complete complete;
	struct ph_terminate terminate;

	if (frame->type == PH_PROBE_REPORT)
		take_report(frame);
	if (!ph_challenge_read(&challenge, frame->body, frame->length))
		same(out, ph_challenge_write(&challenge, out), frame);
	if (!ph_response_read(&response, frame->body, frame->length))
		same(out, ph_response_write(&response, out), frame);
	if (!ph_complete_read(&complete, frame->body, frame->length))
		same(out, ph_complete_write(&complete, out), frame);
	if (!ph_terminate_read(&terminate, frame->body, frame->length))
		same(out, ph_terminate_write(&terminate, out), frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[PH_PROBE_HEADER];
	uint8_t banner[PH_PROBE_BANNER];
	struct ph_probe_frame frame;
	const uint8_t *nonce;
	const uint8_t *mac;

	if (size >= PH_PROBE_BANNER && !ph_banner_read(data, &nonce, &mac)) {
		ph_banner_write(banner, nonce, mac);
		if (memcmp(banner, data, sizeof(banner)) != 0)
			abort();
		data += PH_PROBE_BANNER;
		size -= PH_PROBE_BANNER;
	}
	while (!ph_probe_frame_read(&frame, data, size)) {
		ph_probe_frame_header(header, frame.type, frame.length);
		if (memcmp(header, data, sizeof(header)) != 0 ||
			frame.mac + PH_PROBE_MAC != data + frame.size)
			abort();
		take_body(&frame);
		data += frame.size;
		size -= frame.size;
	}
	return 0;
}
