#include "controlsurface/wiring_list.h"

#include "controlsurface/wiring_model.h"

bool ph_wiring_server_at(const struct ph_wiring *wiring, size_t index,
	struct ph_wiring_server_line *out)
{
	if (index >= wiring->server_count)
		return false;
	const struct ph_wiring_server *server = wiring->servers[index];
	*out = (struct ph_wiring_server_line){
		.node = server->host ? server->host : "",
		.name = server->name,
		.runs = server->type ? server->type->name
			: server->exec && server->exec->first
				? server->exec->first->text
				: "",
	};
	return true;
}

static struct ph_wiring_end_line end_line(const struct ph_wiring_end *end)
{
	return (struct ph_wiring_end_line){
		.node = ph_wiring_end_host(end),
		.server = end->server_name,
		.terminal = end->terminal,
	};
}

bool ph_wiring_next_wire(const struct ph_wiring *wiring,
	const struct ph_wiring_wire **position, struct ph_wiring_end_line *from,
	struct ph_wiring_end_line *to)
{
	const struct ph_wiring_wire *wire =
		*position ? (*position)->next : wiring->wires;

	if (wire == NULL)
		return false;
	*position = wire;
	*from = end_line(&wire->from);
	*to = end_line(&wire->to);
	return true;
}
