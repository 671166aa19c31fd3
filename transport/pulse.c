#include "transport/pulse.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#define PULSE_PERIOD (3 * PH_SECOND)
#define PULSE_SILENT 12000u /* ms since the last acknowledgement */
#define PULSE_TRIES  2	    /* retransmissions or window probes in vain */

enum verdict {
	PULSE_QUIET,
	PULSE_BUSY,
	PULSE_DEAD
};

static enum verdict pulse_look(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return PULSE_QUIET;
	if (!info.tcpi_unacked && !info.tcpi_notsent_bytes)
		return PULSE_QUIET;
	if (info.tcpi_last_ack_recv >= PULSE_SILENT &&
		info.tcpi_retransmits + info.tcpi_probes >= PULSE_TRIES)
		return PULSE_DEAD;
	return PULSE_BUSY;
}

static void pulse_on_due(struct ph_timer *timer)
{
	struct ph_pulse *pulse =
		(struct ph_pulse *)((char *)timer -
				    offsetof(struct ph_pulse, timer));

	switch (pulse_look(pulse->fd)) {
	case PULSE_QUIET:
		return;
	case PULSE_BUSY:
		ph_pulse_beat(pulse);
		return;
	case PULSE_DEAD:
		pulse->on_dead(pulse);
	}
}

void ph_pulse_init(struct ph_pulse *pulse, struct ph_loop *loop, int fd,
	void (*on_dead)(struct ph_pulse *pulse))
{
	*pulse = (struct ph_pulse){
		.loop = loop,
		.fd = fd,
		.on_dead = on_dead,
		.timer.on_due = pulse_on_due,
	};
}

void ph_pulse_beat(struct ph_pulse *pulse)
{
	if (pulse->loop && !pulse->timer.slot)
		ph_timer_start(pulse->loop, &pulse->timer,
			ph_loop_now(pulse->loop) + PULSE_PERIOD);
}

void ph_pulse_stop(struct ph_pulse *pulse)
{
	if (pulse->loop)
		ph_timer_stop(pulse->loop, &pulse->timer);
	pulse->loop = NULL;
}
