// The connections of the mesh as a table of text, asked for every 2 s.
const rows = document.getElementById('connections');
const state = document.getElementById('state');

function row(item) {
	const line = document.createElement('tr');
	const rate = item.rate ? item.rate.sent_bps : 0;
	for (const text of [item.id, item.from, item.to, item.state,
		`${rate} B`, item.reason]) {
		const cell = document.createElement('td');
		cell.textContent = text ?? '';
		line.append(cell);
	}
	return line;
}

async function show() {
	try {
		const answer = await fetch('v1/flows');
		const body = await answer.json();
		if (!answer.ok)
			throw new Error(body.error.what);
		document.getElementById('node').textContent = body.node;
		rows.replaceChildren(...body.items.map(row));
		state.textContent = `as of ${body.ts}`;
	} catch (error) {
		state.textContent = `no answer: ${error.message}`;
	}
	setTimeout(show, 2000);
}

show();
