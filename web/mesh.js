// What the page knows of the mesh: asked over HTTP, kept live by /v1/watch.
// Nobody but this file speaks to the node.
const SAMPLES = 600; // of each connection: ten minutes
const SECOND = 900; // ms between two of them; news come between

export const mesh = {
	node: '',
	flows: new Map(), // by id
	sources: [], // nodes that were asked, and which of them are stale
	seen: new Map(), // node -> ms when it last answered
	graph: { nodes: [], edges: [], layers: 0 },
	peers: [],
	alarms: [],
	drift: [],
	journal: [],
	history: new Map(), // id -> [{at, sent, received, queue}]
	heard: 0, // ms of the last word
	window: '1s', // that rates are over: 1s, 10s, 60s
};

const listeners = new Set();
export const onChange = (listener) => listeners.add(listener);
const changed = (what) => listeners.forEach((listener) => listener(what));

// The token stays in this tab, until it is closed.
export const token = {
	get: () => sessionStorage.getItem('token') ?? '',
	set: (text) => sessionStorage.setItem('token', text.trim()),
};

function headers(extra) {
	return token.get() ? { ...extra, Authorization: `Bearer ${token.get()}` }
		: extra;
}

export class Refused extends Error {
	constructor(error, status) {
		super(error.what);
		this.denied = status === 403;
		this.next = error.next;
		this.where = error.where;
		this.findings = error.findings;
	}
}

async function read(answer) {
	const text = await answer.text();
	let body;
	try {
		body = JSON.parse(text);
	} catch {
		throw new Error(`the node answers ${answer.status}`);
	}
	if (!answer.ok)
		throw new Refused(body.error ?? { what: `status ${answer.status}` }, answer.status);
	return body;
}

export async function ask(path) {
	return read(await fetch(`v1/${path}`, { headers: headers({}) }));
}
export async function tell(path, fields) {
	return read(await fetch(`v1/${path}`, {
		method: 'POST',
		headers: headers({ 'Content-Type': 'application/json' }),
		body: JSON.stringify(fields),
	}));
}

function takeSources(sources) {
	mesh.sources = sources ?? [];
	for (const source of mesh.sources)
		if (!source.stale)
			mesh.seen.set(source.node, Date.now());
}

function remember(flow) {
	let list = mesh.history.get(flow.id);
	if (!list)
		mesh.history.set(flow.id, list = []);
	if (Date.now() - (list.at(-1)?.at ?? 0) < SECOND)
		return;
	list.push({
		at: Date.now(),
		sent: flow.rate?.sent_bps ?? 0,
		received: flow.rate?.received_bps ?? 0,
		queue: flow.queue?.bytes ?? 0,
	});
	if (list.length > SAMPLES)
		list.shift();
}

function shape(flows) {
	return [...flows.values()].map((flow) => `${flow.id} ${flow.from} ${flow.to}`)
		.sort().join('\n');
}

function takeFlows(body) {
	const before = shape(mesh.flows);
	mesh.node = body.node;
	mesh.flows = new Map(body.items.map((flow) => [flow.id, flow]));
	takeSources(body.sources);
	for (const flow of mesh.flows.values())
		remember(flow);
	for (const id of mesh.history.keys())
		if (!mesh.flows.has(id))
			mesh.history.delete(id);
	if (before !== shape(mesh.flows))
		wanted.graph = true;
	changed('flows');
}

function takeJournal(body) {
	mesh.journal.push(...body.items);
	mesh.journal.splice(0, mesh.journal.length - 2000);
	refresh();
	changed('journal');
}

// What is to be asked anew, and what is asked in any case, now and then.
const wanted = { graph: true, peers: true, alarms: true, drift: true };
const asked = {
	graph: async () => {
		const body = await ask('topology');
		[mesh.graph] = body.items;
		takeSources(body.sources);
	},
	peers: async () => { mesh.peers = (await ask('peers')).items; },
	alarms: async () => { mesh.alarms = (await ask('alarms')).items; },
	drift: async () => { mesh.drift = (await ask('drift')).items; },
};
const PAUSE = 500; // ms between two looks
let turn = 0;
let looked = 0; // ms, the last look
let next = null; // the timer of the next one; null while one is under way

// What changed is looked at soon, but a storm of changes is a look now and then.
export function refresh() {
	for (const name of Object.keys(wanted))
		wanted[name] = true;
	if (next === null)
		return;
	clearTimeout(next);
	next = setTimeout(lookAgain, Math.max(0, looked + PAUSE / 2 - Date.now()));
}

async function lookAgain() {
	next = null;
	turn++;
	if (turn % 3 === 0)
		wanted.alarms = true;
	if (turn % 10 === 0)
		refresh();
	for (const name of Object.keys(wanted)) {
		if (!wanted[name])
			continue;
		wanted[name] = false;
		try {
			await asked[name]();
			changed(name);
		} catch {
			wanted[name] = true;
		}
	}
	looked = Date.now();
	next = setTimeout(lookAgain, PAUSE);
}

function event(text) {
	let name = 'message';
	const data = [];
	for (const line of text.split('\n')) {
		if (line.startsWith('event: '))
			name = line.slice(7);
		else if (line.startsWith('data: '))
			data.push(line.slice(6));
	}
	if (!data.length)
		return;
	mesh.heard = Date.now();
	const body = JSON.parse(data.join('\n'));
	if (name === 'flows')
		takeFlows(body);
	else if (name === 'journal')
		takeJournal(body);
	else if (name === 'gap' || name === 'news')
		refresh();
}

// Server-sent events by fetch, because EventSource sends no token.
async function watch() {
	try {
		// What was said while nobody listened comes first.
		if (!mesh.journal.length)
			mesh.journal = (await ask('journal')).items;
		const since = mesh.journal.at(-1)?.n;
		const answer = await fetch(`v1/watch${since ? `?since=${since}` : ''}`,
			{ headers: headers({}) });
		if (!answer.ok)
			await read(answer);
		const reader = answer.body.pipeThrough(new TextDecoderStream())
			.getReader();
		let kept = '';
		for (;;) {
			const { value, done } = await reader.read();
			if (done)
				break;
			kept += value;
			const events = kept.split('\n\n');
			kept = events.pop();
			events.forEach(event);
		}
	} catch (error) {
		changed(error);
	}
	setTimeout(watch, 1000);
}

export function begin() {
	watch();
	lookAgain();
}

// --- what the views ask

// {sent_bps, received_bps, ...} over the window that was chosen.
export const speed = (flow) => flow.rate?.[mesh.window] ?? flow.rate ?? {};

export const hostOf = (address) => address.split('/')[0];
export const serverOf = (address) => address.split(':')[0];

// Abnormal states of a connection: a letter and how bad it is.
const marks = {
	failed: ['F', 'high'],
	blocked: ['B', 'medium'],
	reserving: ['R', 'low'],
	dialing: ['D', 'low'],
	draining: ['N', 'low'],
};
export const markOf = (state) => marks[state] ?? null;
export const shapes = { high: '▲', medium: '■', low: '●' };

export function hosts() {
	const found = new Map();
	const host = (name) => {
		if (!found.has(name))
			found.set(name, { name, state: 'heard', servers: [], stale: null });
		return found.get(name);
	};
	for (const peer of mesh.peers)
		if (peer.standing !== 'stranger' || peer.state === 'alive')
			host(peer.node).state = peer.state;
	for (const server of mesh.graph.nodes)
		host(server.node).servers.push(server);
	if (mesh.node)
		host(mesh.node).state = 'alive';
	for (const source of mesh.sources)
		if (source.stale)
			host(source.node).stale = source.why || 'no answer';
	return [...found.values()];
}

export function alarmsOf(subject) {
	return mesh.alarms.filter((alarm) => alarm.subject === subject ||
		(alarm.kind === 'node' && alarm.node === subject &&
			alarm.subject === subject));
}
