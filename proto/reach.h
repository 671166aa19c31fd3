#ifndef PH_PROTO_REACH_H
#define PH_PROTO_REACH_H

#include <stdint.h>

/*
 * What a try to reach a node at one address came to. The same words for dials,
 * for probes, and for what nodes tell each other; the numbers travel.
 */
enum ph_verdict {
	PH_VERDICT_UNTRIED,
	PH_VERDICT_OPEN_VERIFIED, /* it is there, and proved that it is */
	PH_VERDICT_OPEN_FOREIGN,  /* somebody answers who proved nothing */
	PH_VERDICT_REFUSED,	  /* nobody listens: RST, ECONNREFUSED */
	PH_VERDICT_TIMEOUT,	  /* silence */
	PH_VERDICT_UNREACHABLE,	  /* no way there: ICMP, no route, no link */
	PH_VERDICT_DENIED,	  /* this host may not: EACCES, EPERM */
	PH_VERDICT_SKIPPED,	  /* not tried, on purpose */
	PH_VERDICTS,
};

/* "open-verified", ...; "untried". */
const char *ph_verdict_name(enum ph_verdict verdict);
/* -ENOENT. */
int ph_verdict_parse(const char *text);
/* Of what connect(2) said, positive or negative; 0, and
 * EPROTO (it speaks something else): open-foreign. */
enum ph_verdict ph_verdict_of_errno(int error);

/* What was spoken there. The numbers travel; new ones go to the end. */
enum ph_reach_transport {
	PH_REACH_INPROC = 1,
	PH_REACH_UNIX,
	PH_REACH_SHM,
	PH_REACH_TCP, /* in the clear */
	PH_REACH_TLS, /* over tcp */
	PH_REACH_WS,
	PH_REACH_WSS,
	PH_REACH_TRANSPORTS,
};

/* "tls"; "" of a number that is none. */
const char *ph_reach_transport_name(enum ph_reach_transport transport);
/* -ENOENT. */
int ph_reach_transport_parse(const char *text);

/* One point and what is known of it. */
#define PH_REACH_ADDRESS 64u
struct ph_reach_row {
	char address[PH_REACH_ADDRESS]; /* literal, no brackets; or a name */
	uint16_t port;
	uint8_t transport;  /* enum ph_reach_transport */
	uint8_t verdict;    /* enum ph_verdict */
	int32_t error;	    /* errno behind it, positive; 0: none */
	uint32_t rtt_us;    /* 0: not measured */
	int64_t checked_at; /* wall ns */
};

#endif
