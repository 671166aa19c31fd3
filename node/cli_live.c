#include "node/cli_live.h"

#include <stdlib.h>
#include <string.h>

#include "controlsurface/wiring_live.h"

/* lint --live: what the nodes say now. */
#define ASKED_MOST 256

struct asked {
	struct ph_reply replies[3];
	struct ph_error error;
};

static const uint16_t methods[] = {
	PH_EXECUTOR_LIST, PH_HOSTESS_GUESTS, PH_CONTROL_LIST};

static void ask_host(struct ph_cli *cli, const char *host, struct asked *asked,
	struct ph_wiring_facts *facts)
{
	struct ph_value *lists[] = {
		&facts->servers, &facts->guests, &facts->connections};

	*facts = (struct ph_wiring_facts){.host = host};
	for (size_t i = 0; i < 3 && !facts->away; i++) {
		struct ph_reply *reply = &asked->replies[i];

		if (ph_client_call(cli->client, host, methods[i], NULL,
			    cli->timeout, reply, &asked->error))
			facts->away = asked->error.what;
		else
			*lists[i] = ph_value_get(reply->body, "items");
	}
}

int ph_cli_live(struct ph_cli *cli, struct ph_wiring *wiring, const char *text,
	size_t length)
{
	struct ph_wiring_facts *facts;
	struct asked *asked;
	struct ph_error error;
	const char *host = NULL;
	size_t count = 0;

	if (ph_client_open(&cli->client, cli->socket, &error))
		return ph_cli_fail(cli, &error);
	facts = calloc(ASKED_MOST, sizeof(*facts));
	asked = calloc(ASKED_MOST, sizeof(*asked));
	while (facts && asked && count < ASKED_MOST &&
		(host = ph_wiring_live_host(wiring, host))) {
		ask_host(cli, host, &asked[count], &facts[count]);
		count++;
	}
	ph_wiring_live(wiring, text, length, facts, count);
	for (size_t i = 0; i < 3 * count; i++)
		ph_reply_free(&asked[i / 3].replies[i % 3]);
	free(facts);
	free(asked);
	ph_client_close(cli->client);
	cli->client = NULL;
	return 0;
}
