// One connection: its faceplate. One server. And either of them raw.
import { make, bytes, rate, age, clock, table } from './make.js';
import { mesh, ask, serverOf, hostOf, markOf, shapes, speed } from './mesh.js';
import { disconnectForm, moveForm, serverForm } from './change.js';

const WIDTH = 640;
const HEIGHT = 140;

function points(list, of, most, from) {
	return list.map((sample) => {
		const x = 70 + (sample.at - from) / 600000 * (WIDTH - 80);
		const y = HEIGHT - 20 - of(sample) / most * (HEIGHT - 40);
		return `${x.toFixed(1)},${y.toFixed(1)}`;
	}).join(' ');
}

function trend(id) {
	const list = mesh.history.get(id) ?? [];
	const most = Math.max(1, ...list.map((sample) =>
		Math.max(sample.sent, sample.received)));
	const from = Date.now() - 600000;
	const last = list.at(-1);
	return make('svg', {
		width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
		role: 'img',
		'aria-label': `ten minutes: sent ${rate(last?.sent)}, received ${rate(last?.received)}`,
	},
	make('line', { class: 'axis', x1: 70, y1: HEIGHT - 20, x2: WIDTH - 10, y2: HEIGHT - 20 }),
	make('text', { class: 'small', x: 66, y: 24, 'text-anchor': 'end' }, rate(most)),
	make('text', { class: 'small', x: 66, y: HEIGHT - 18, 'text-anchor': 'end' }, '0'),
	make('text', { class: 'small', x: 70, y: HEIGHT - 5 }, '10 min ago'),
	make('text', { class: 'small', x: WIDTH - 10, y: HEIGHT - 5, 'text-anchor': 'end' }, 'now'),
	make('polyline', { class: 'trend received', points: points(list, (sample) => sample.received, most, from) }),
	make('polyline', { class: 'trend', points: points(list, (sample) => sample.sent, most, from) }));
}

function facts(pairs) {
	return make('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== undefined)
		.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]).flat());
}

function stateWords(flow) {
	const mark = markOf(flow.state);
	return make('span', { class: mark?.[1] },
		`${mark ? `${shapes[mark[1]]} ${mark[0]} ` : ''}${flow.state}, ${flow.reason || 'no reason told'}, ` +
		`for ${age(flow.since)}`);
}

function overrideWords(override) {
	if (!override)
		return 'none';
	return Object.entries(override).map(([key, value]) =>
		`${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ');
}

function declaredWords(flow) {
	if (!flow.declared?.wired)
		return 'not in a file';
	return `by ${flow.scope}: on_full ${flow.declared.on_full}, queue ${bytes(flow.declared.queue)}`;
}

// Over a second, ten, a minute.
function rates(flow, key) {
	return ['1s', '10s', '60s'].map((span) => flow.rate?.[span]
		&& `${rate(flow.rate[span][key])} (${span})`).filter(Boolean).join(', ') || rate(flow.rate?.[key]);
}

export function connectionView(id) {
	let live;
	const flowOf = () => mesh.flows.get(id);
	function liveParts(flow) {
		const queue = flow.queue ?? {};
		return [
			facts([
				['state', stateWords(flow)],
				['declared', declaredWords(flow)],
				['override', overrideWords(flow.override)],
				['actual', flow.actual],
				['way', `${flow.transport || 'none'}${flow.via?.length ? ` through ${flow.via.join(', ')}` : ''}`],
				['sent', `${bytes(flow.sent.bytes)}, ${flow.sent.messages} messages, ${rates(flow, 'sent_bps')}`],
				['received', `${bytes(flow.received.bytes)}, ${flow.received.messages} messages, ${rates(flow, 'received_bps')}`],
				['dropped', flow.dropped.messages
					? make('span', { class: 'medium' }, `${shapes.medium} ${bytes(flow.dropped.bytes)}, ${flow.dropped.messages} messages`)
					: 'nothing'],
				['blocked', `${((flow.blocked_ns ?? 0) / 1e9).toFixed(1)} s in all`],
				['queue', make('span', {}, make('meter', {
					min: 0, max: queue.limit || 1, value: queue.bytes ?? 0,
					'aria-label': 'queue',
				}), ` ${bytes(queue.bytes)} of ${bytes(queue.limit)}, ${bytes(queue.there)} there`)],
			]),
			make('h3', {}, 'ten minutes: sent, and received dashed'),
			trend(id),
		];
	}
	return {
		signature: () => `${id} ${Boolean(flowOf())} ${mesh.journal.length}`,
		draw() {
			const flow = flowOf();
			if (!flow)
				return make('p', {}, `no connection ${id}`);
			const lines = mesh.journal.filter((line) => line.what.includes(id)).slice(-20);
			live = make('div', {}, liveParts(flow));
			return [
				make('h2', {}, `${flow.from} → ${flow.to}`),
				make('div', { class: 'row' },
					make('button', { type: 'button', onclick: () => disconnectForm(flow) }, 'Disconnect…'),
					make('button', { type: 'button', onclick: () => moveForm(flow) }, 'Move…'),
					make('a', { href: `#/raw/connection/${encodeURIComponent(id)}` }, 'raw')),
				live,
				make('h3', {}, `journal of ${mesh.node}`),
				lines.length ? table('lines', [
					['when', (line) => clock(line.ts)], ['what', (line) => line.what],
					['why', (line) => line.why], ['who', (line) => line.actor]], lines)
					: make('p', { class: 'quiet' }, 'nothing'),
			];
		},
		update() {
			const flow = flowOf();
			if (flow && live)
				live.replaceChildren(...liveParts(flow));
		},
	};
}

export function serverView(name) {
	const flows = () => [...mesh.flows.values()].filter((flow) =>
		serverOf(flow.from) === name || serverOf(flow.to) === name);
	const wired = make('div');
	// The graph says where its wires go, the node how it is.
	const state = make('p', { class: 'run' });
	let looked = 0;
	const [node, server] = name.split('/').map(encodeURIComponent);
	async function look() {
		if (Date.now() - looked < 1000)
			return;
		looked = Date.now();
		try {
			const [one] = (await ask(`servers?node=${node}&server=${server}`)).items;
			state.textContent = one
				? `${one.state} for ${age(one.since)}${one.restarts ? `, begun anew ${one.restarts} times` : ''}` +
					`${one.reason ? `: ${one.reason}` : ''}`
				: 'the node does not run it';
		} catch (error) {
			state.textContent = error.message;
		}
	}
	return {
		signature: () => `${mesh.journal.length} ${name} ${flows().map((flow) => flow.id)} ${JSON.stringify(
			mesh.graph.nodes.find((one) => `${one.node}/${one.server}` === name))}`,
		draw() {
			const server = mesh.graph.nodes.find((one) => `${one.node}/${one.server}` === name);
			this.update();
			return [
				make('h2', {}, `server ${name}`), state,
				make('div', { class: 'row' },
					['start', 'stop', 'restart'].map((what) => make('button', {
						type: 'button', onclick: () => serverForm(name, what),
					}, `${what[0].toUpperCase()}${what.slice(1)}…`)),
					make('a', { href: `#/raw/show/${encodeURIComponent(name)}` }, 'raw'),
					make('a', { href: `#/logs/${encodeURIComponent(name)}` }, 'what it wrote to stderr')),
				server?.absent && make('p', { class: 'error' }, `${shapes.high} A: it is declared and not there`),
				server && table('terminals', [['name', (port) => port.name], ['kind', (port) => port.kind],
					['type', (port) => port.type || 'any'], ['connections', (port) => port.connections, true]],
				server.terminals),
				make('h3', {}, 'wired to'), wired,
			];
		},
		update() {
			wired.replaceChildren(flowTable('connections', flows()));
			look();
		},
	};
}

export function flowTable(caption, flows) {
	return table(caption, [
		['id', (flow) => make('a', { href: `#/connection/${encodeURIComponent(flow.id)}` }, flow.id)],
		['from', (flow) => flow.from], ['to', (flow) => flow.to],
		['state', (flow) => {
			const mark = markOf(flow.state);
			return make('span', { class: mark?.[1] }, `${mark ? `${shapes[mark[1]]} ${mark[0]} ` : ''}${flow.state}`);
		}],
		['sent', (flow) => rate(speed(flow).sent_bps), true],
		['received', (flow) => rate(speed(flow).received_bps), true],
		['queue', (flow) => bytes(flow.queue?.bytes), true],
		['dropped', (flow) => flow.dropped.messages || '', true],
		['by hand', (flow) => (flow.override ? '✎' : '')],
		['why', (flow) => flow.reason]], flows, (flow) => markOf(flow.state)?.[1] === 'high');
}

// What a node answers, as it is.
export function rawView(kind, name) {
	const shown = make('pre', {}, 'asking');
	const path = kind === 'connection' ? `connections/${encodeURIComponent(name)}`
		: `show/${name.split('/').map(encodeURIComponent).join('/')}`;
	ask(path).then((body) => { shown.textContent = JSON.stringify(body, null, 2); },
		(error) => { shown.textContent = `${error.message}. ${error.next ?? ''}`; });
	return { signature: () => name, draw: () => [make('h2', {}, name), shown], update() {} };
}

export function logsView(name) {
	const shown = make('pre', {}, 'asking');
	ask(`logs?node=${encodeURIComponent(hostOf(name))}&server=${encodeURIComponent(name.split('/')[1])}&count=500`)
		.then((body) => {
			shown.textContent = body.items.map((line) => line.text ?? JSON.stringify(line)).join('\n') || 'nothing';
		}, (error) => { shown.textContent = `${error.message}. ${error.next ?? ''}`; });
	return { signature: () => name, draw: () => [make('h2', {}, `stderr of ${name}`), shown], update() {} };
}
