#ifndef PH_NODE_OFFER_H
#define PH_NODE_OFFER_H

#include "node/node.h"

/*
 * Carriers that are dialled because a peer asked (wire.dial): it owns an
 * output, wants a carrier to us, and cannot dial us itself. We dial it where we
 * would dial its line, never where it says, look whether its key is there, say
 * which question this answers (the offer), and then take the very ATTACH that
 * it would have sent on a carrier of its own, and nothing else.
 */
/* Under way, of all peers and of one; past it the peer is told so. */
#define PH_OFFERS_MOST	  64u
#define PH_OFFERS_OF_PEER 16u

/* Serves wire.dial. */
void ph_offer_serve(struct ph_node *node);

#endif
