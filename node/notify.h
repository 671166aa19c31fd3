#ifndef PH_NODE_NOTIFY_H
#define PH_NODE_NOTIFY_H

/* sd_notify(3): one datagram to $NOTIFY_SOCKET, when there is one. */
void ph_notify(const char *state);

#endif
