// The mesh: hosts as boxes, what flows between them bundled; and one host: its
// servers, their terminals, and what they are wired to.
import { make, rate, age } from './make.js';
import { mesh, hosts, hostOf, serverOf, markOf, shapes, speed } from './mesh.js';
import { attach, place, sheet, wire, box } from './draw.js';

const COLLAPSED = 150; // hosts from which on a box is its name alone

const bad = { dead: ['high', 'dead'], suspect: ['medium', 'suspect'], left: ['low', 'left'] };

// The worst of what is wrong with a host: [letter with shape, priority].
function hostMark(host) {
	const [priority] = bad[host.state] ?? [];
	if (priority)
		return [`${shapes[priority]} ${host.state[0].toUpperCase()}`, priority];
	const alarms = mesh.alarms.filter((alarm) => alarm.node === host.name);
	for (const level of ['high', 'medium', 'low'])
		if (alarms.some((alarm) => alarm.priority === level))
			return [`${shapes[level]} ${level[0].toUpperCase()}`, level];
	return null;
}

function staleWords(host) {
	const seen = mesh.seen.get(host.name);
	if (!host.stale)
		return '';
	return seen ? `last word ${age(seen * 1e6)} ago` : `no word: ${host.stale}`;
}

const mean = (list, of) =>
	list.length ? list.reduce((sum, item) => sum + of(item), 0) / list.length : 0;

function hostBox(host, small) {
	const count = host.servers.length;
	const stale = staleWords(host);
	const longest = Math.max(host.name.length + 6, stale.length * 0.85, 14);
	return {
		...host,
		// Who has no server stands at the left, below those who feed others.
		layer: Math.round(mean(host.servers, (server) => server.layer)),
		order: count ? mean(host.servers, (server) => server.order) : 1e6,
		width: small ? 110 : Math.round(longest * 7.4 + 24),
		height: small ? 26 : stale ? 58 : 44,
		title: host.name,
		href: `#/host/${encodeURIComponent(host.name)}`,
		mark: hostMark(host),
		kinds: host.stale ? 'host stale' : 'host',
		lines: small ? [] : [`${count} server${count === 1 ? '' : 's'}`, stale]
			.filter(Boolean),
		words: `host ${host.name}, ${host.state}, ${count} servers${stale && `, ${stale}`}`,
	};
}

function bundles() {
	const found = new Map();
	for (const flow of mesh.flows.values()) {
		const key = `${hostOf(flow.from)} ${hostOf(flow.to)}`;
		if (hostOf(flow.from) === hostOf(flow.to))
			continue;
		if (!found.has(key))
			found.set(key, []);
		found.get(key).push(flow);
	}
	return found;
}

// The worst state of a bundle decides how it looks.
function look(flows) {
	const levels = flows.map((flow) => markOf(flow.state)).filter(Boolean);
	const worst = ['high', 'medium'].find((level) =>
		levels.some(([, priority]) => priority === level));
	const letters = levels.find(([, priority]) => priority === worst);
	const bps = flows.reduce((sum, flow) => sum + (speed(flow).sent_bps ?? 0), 0);
	return {
		bps,
		kinds: [worst,
			flows.every((flow) => flow.state === 'declared' ||
				flow.state === 'failed') && 'absent',
			flows.some((flow) => flow.override) && 'manual']
			.filter(Boolean).join(' '),
		note: [worst && `${shapes[worst]} ${letters[0]}`,
			bps > 0 && rate(bps), flows.length > 1 && `×${flows.length}`]
			.filter(Boolean).join(' '),
	};
}

function bundleLook(key, flows) {
	const [from, to] = key.split(' ');
	return {
		...look(flows),
		words: `${from} to ${to}: ${flows.length} connection${flows.length > 1 ? 's' : ''}, ` +
			flows.map((flow) => `${flow.state} ${rate(speed(flow).sent_bps)}`).join(', '),
	};
}

// A view: {signature(), draw(), update()}. It is drawn anew when its signature
// changes, and only brought up to date when not.
export function meshView() {
	let wires = new Map();
	return {
		signature: () => JSON.stringify([hosts().map((host) =>
			[host.name, host.state, staleWords(host) && 1, host.servers.length,
				hostMark(host), host.servers.map((server) => server.layer)]),
		[...bundles().keys()]]),
		draw() {
			const list = hosts();
			if (!list.length)
				return make('p', { class: 'quiet' }, 'nothing is known yet');
			const small = list.length > COLLAPSED;
			const boxes = list.map((host) => hostBox(host, small));
			const ends = [...bundles().keys()].map((key) => key.split(' '));
			for (const node of boxes)
				node.height = small ? node.height : Math.max(node.height, 12 + 17 *
					ends.filter((names) => names.includes(node.name)).length);
			const size = place(boxes);
			const byName = new Map(boxes.map((node) => [node.name, node]));
			const edges = [...bundles()].map(([key, flows]) => {
				const [from, to] = key.split(' ').map((name) => byName.get(name));
				return { key, flows, from, to };
			}).filter(({ from, to }) => from && to);
			attach(edges);
			wires = new Map(edges.map(({ key, flows, ends }) => [key, wire({
				key,
				...ends,
				href: flows.length === 1
					? `#/connection/${encodeURIComponent(flows[0].id)}`
					: `#/table/${encodeURIComponent(key)}`,
			})]));
			this.update();
			return sheet(size, `the mesh, ${list.length} hosts`,
				[...wires.values()].map((line) => line.element), boxes.map(box));
		},
		update() {
			const found = bundles();
			for (const [key, line] of wires)
				if (found.has(key))
					line.set(bundleLook(key, found.get(key)));
		},
	};
}

// --- one host

const short = (server, host) =>
	(server.node === host ? server.server : `${server.node}/${server.server}`);

function serverBox(server, host) {
	const ins = server.terminals.filter((port) => port.kind === 'in' || port.kind === 'combine');
	const outs = server.terminals.filter((port) => !ins.includes(port));
	const title = short(server, host);
	const longest = Math.max(...ins.map((port) => port.name.length), 0) +
		Math.max(...outs.map((port) => port.name.length), 0);
	const name = `${server.node}/${server.server}`;
	return {
		name,
		layer: server.layer,
		order: server.order,
		width: Math.round(Math.max(title.length * 7.6 + 26, longest * 6.4 + 46, 110)),
		height: 34 + Math.max(ins.length, outs.length, 1) * 18,
		title,
		href: server.node === host ? `#/server/${encodeURIComponent(name)}`
			: `#/host/${encodeURIComponent(server.node)}`,
		kinds: [server.absent && 'absent', server.node !== host && 'far']
			.filter(Boolean).join(' '),
		mark: server.absent ? [`${shapes.high} A`, 'high'] : null,
		words: `server ${name}${server.absent ? ', not there' : ''}`,
		ins,
		outs,
	};
}

function addPorts(node) {
	const at = (list, x, out) => list.map((port, i) => ({
		name: port.name, out, x, y: node.y + 40 + i * 18, way: out ? 1 : -1,
	}));
	node.ports = [...at(node.ins, node.x, false), ...at(node.outs, node.x + node.width, true)];
	return node;
}

function flowsOf(host) {
	return [...mesh.flows.values()].filter((flow) =>
		hostOf(flow.from) === host || hostOf(flow.to) === host);
}

function serversAround(host) {
	const near = new Set(flowsOf(host).flatMap((flow) =>
		[serverOf(flow.from), serverOf(flow.to)]));
	return mesh.graph.nodes.filter((server) => server.node === host ||
		near.has(`${server.node}/${server.server}`));
}

export function flowLook(flow) {
	return {
		...look([flow]),
		words: `${flow.from} to ${flow.to}, ${flow.state}, ${rate(speed(flow).sent_bps)}` +
			`${flow.override ? ', changed by hand' : ''}`,
	};
}

export function hostView(host) {
	let wires = new Map();
	return {
		signature: () => JSON.stringify([serversAround(host),
			flowsOf(host).map((flow) => [flow.id, flow.from, flow.to]),
			mesh.peers.find((peer) => peer.node === host)?.state]),
		draw() {
			const servers = serversAround(host);
			const peer = mesh.peers.find((one) => one.node === host);
			const boxes = servers.map((server) => serverBox(server, host));
			const size = place(boxes);
			const ports = new Map();
			for (const node of boxes)
				for (const port of addPorts(node).ports)
					ports.set(`${node.name}:${port.name}`, port);
			wires = new Map();
			for (const flow of flowsOf(host)) {
				const [from, to] = [ports.get(flow.from), ports.get(flow.to)];
				if (from && to)
					wires.set(flow.id, wire({
						key: flow.id, from, to,
						href: `#/connection/${encodeURIComponent(flow.id)}`,
					}));
			}
			this.update();
			return [
				make('h2', {}, `host ${host}`),
				peer && make('p', { class: 'quiet' },
					`${peer.state} for ${age(peer.since)}, line ${peer.line}, ` +
					`${peer.addresses.join(', ')}; ${peer.caps.join(', ')}`),
				boxes.length ? sheet(size, `servers of ${host}`,
					[...wires.values()].map((line) => line.element), boxes.map(box))
					: make('p', { class: 'quiet' }, 'no server runs there'),
			];
		},
		update() {
			for (const [id, line] of wires)
				if (mesh.flows.has(id))
					line.set(flowLook(mesh.flows.get(id)));
		},
	};
}
