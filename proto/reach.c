#include "proto/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdicts[PH_VERDICTS] = {
	[PH_VERDICT_UNTRIED] = "untried",
	[PH_VERDICT_OPEN_VERIFIED] = "open-verified",
	[PH_VERDICT_OPEN_FOREIGN] = "open-foreign",
	[PH_VERDICT_REFUSED] = "refused",
	[PH_VERDICT_TIMEOUT] = "timeout",
	[PH_VERDICT_UNREACHABLE] = "unreachable",
	[PH_VERDICT_DENIED] = "denied",
	[PH_VERDICT_SKIPPED] = "skipped",
};

static const char *const transports[PH_REACH_TRANSPORTS] = {
	[PH_REACH_INPROC] = "inproc",
	[PH_REACH_UNIX] = "unix",
	[PH_REACH_SHM] = "shm",
	[PH_REACH_TCP] = "tcp",
	[PH_REACH_TLS] = "tls",
	[PH_REACH_WS] = "ws",
	[PH_REACH_WSS] = "wss",
};

const char *ph_verdict_name(enum ph_verdict verdict)
{
	return (unsigned)verdict < PH_VERDICTS ? verdicts[verdict] : "untried";
}

int ph_verdict_parse(const char *text)
{
	for (int i = 0; i < PH_VERDICTS; i++)
		if (!strcmp(verdicts[i], text))
			return i;
	return -ENOENT;
}

enum ph_verdict ph_verdict_of_errno(int error)
{
	switch (abs(error)) {
	case 0:
	case EPROTO:
		return PH_VERDICT_OPEN_FOREIGN;
	case ECONNREFUSED:
	case ECONNRESET:
		return PH_VERDICT_REFUSED;
	case ETIMEDOUT:
	case EAGAIN:
	case EINPROGRESS:
		return PH_VERDICT_TIMEOUT;
	case EACCES:
	case EPERM:
		return PH_VERDICT_DENIED;
	default:
		return PH_VERDICT_UNREACHABLE;
	}
}

const char *ph_reach_transport_name(enum ph_reach_transport transport)
{
	if ((unsigned)transport >= PH_REACH_TRANSPORTS ||
		!transports[transport])
		return "";
	return transports[transport];
}

int ph_reach_transport_parse(const char *text)
{
	for (int i = 1; i < PH_REACH_TRANSPORTS; i++)
		if (!strcmp(transports[i], text))
			return i;
	return -ENOENT;
}
