// The operators' page: which view is shown, and what stands around it. Where it
// is, is in the address after #, so that it can be passed on.
import { make, age, clock, table } from './make.js';
import { mesh, begin, onChange, shapes, hostOf, token } from './mesh.js';
import { meshView, hostView } from './view_mesh.js';
import { connectionView, serverView, flowTable, rawView, logsView } from './view_one.js';
import { changeMenu, alarmForm, revertForm, tokenForm } from './change.js';
import { terminalView } from './view_terminal.js';

const LATE = 5000; // ms without a word
const at = (id) => document.getElementById(id);

// --- views that are only tables

function tableView(bundle) {
	const shown = () => [...mesh.flows.values()].filter((flow) =>
		!bundle || `${hostOf(flow.from)} ${hostOf(flow.to)}` === bundle)
		.sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
	const peers = () => table('hosts', [
		['name', (peer) => make('a', { href: `#/host/${encodeURIComponent(peer.node)}` }, peer.node)],
		['state', (peer) => peer.state], ['for', (peer) => age(peer.since)],
		['line', (peer) => peer.line], ['addresses', (peer) => peer.addresses.join(', ')],
		['can', (peer) => peer.caps.filter((cap) => !/^(server|transport)=/.test(cap)).join(', ')]],
	mesh.peers, (peer) => peer.state === 'dead');
	const body = make('div');
	return {
		signature: () => bundle ?? 'all',
		draw() {
			this.update();
			return body;
		},
		update() {
			body.replaceChildren(flowTable(bundle
				? `connections from ${bundle.replace(' ', ' to ')}` : 'connections', shown()),
			bundle ? '' : peers());
		},
	};
}

function driftView() {
	return {
		signature: () => JSON.stringify(mesh.drift),
		draw: () => [make('h2', {}, 'what was changed by hand, and what is declared and not so'),
			mesh.drift.length ? table('differences', [
				['what', (item) => item.what ?? item.kind ?? ''],
				['connection', (item) => item.connection || item.id
					|| (item.scope ? `${item.scope} on ${item.node}` : '')],
				['from', (item) => item.from ?? ''], ['to', (item) => item.to ?? ''],
				['state', (item) => item.state ?? ''],
				['who', (item) => item.who ?? item.actor ?? ''],
				['why', (item) => item.why || item.reason || ''],
				['', (item) => item.id && make('button', {
					type: 'button', onclick: () => revertForm(item.id),
				}, 'Revert…')]], mesh.drift)
				: make('p', { class: 'quiet' }, 'none: everything is as it was declared')],
		update() {},
	};
}

function journalView() {
	return {
		signature: () => String(mesh.journal.length && mesh.journal.at(-1).n),
		draw: () => table(`journal of ${mesh.node}`, [
			['when', (line) => clock(line.ts)], ['what', (line) => line.what],
			['why', (line) => line.why], ['who', (line) => line.actor]],
		mesh.journal.slice(-500).reverse()),
		update() {},
	};
}

// --- where we are

const routes = {
	'': () => meshView(),
	host: (name) => hostView(name),
	server: (name) => serverView(name),
	connection: (id) => connectionView(id),
	table: (bundle) => tableView(bundle),
	drift: () => driftView(),
	journal: () => journalView(),
	terminal: () => terminalView(),
	raw: (kind, name) => rawView(kind, name),
	logs: (name) => logsView(name),
};

let view = meshView();
let signature = '';

function crumbs(words) {
	const [kind, name] = words;
	const list = [make('a', { href: '#/' }, 'mesh')];
	if (kind === 'host' || kind === 'server')
		list.push(make('a', { href: `#/host/${encodeURIComponent(hostOf(name))}` }, hostOf(name)));
	if (kind === 'server')
		list.push(name);
	if (kind === 'connection') {
		const flow = mesh.flows.get(name);
		if (flow)
			list.push(make('a', { href: `#/host/${encodeURIComponent(hostOf(flow.from))}` }, hostOf(flow.from)));
		list.push(name);
	}
	return kind ? list.flatMap((crumb, i) => (i ? [' › ', crumb] : [crumb])) : [];
}

function draw(force) {
	const now = view.signature();
	if (!force && now === signature) {
		view.update();
		return;
	}
	// Whoever was on a box by keyboard stays on it.
	const focus = document.activeElement?.dataset ?? {};
	signature = now;
	at('view').replaceChildren(...[view.draw()].flat().filter(Boolean));
	const key = focus.name ?? focus.key;
	if (key)
		at('view').querySelector(`[data-name="${CSS.escape(key)}"], [data-key="${CSS.escape(key)}"]`)
			?.focus();
}

function decoded(word) {
	try {
		return decodeURIComponent(word);
	} catch {
		return word;
	}
}

function go() {
	const words = location.hash.replace(/^#\//, '').split('/')
		.filter((word) => word !== '').map(decoded);
	const route = words[0] ?? '';
	view = (Object.hasOwn(routes, route) ? routes[route] : routes[''])(...words.slice(1));
	at('crumbs').replaceChildren(...crumbs(words));
	for (const link of document.querySelectorAll('header nav a'))
		if (link.getAttribute('href') === (words[0] ? `#/${words[0]}` : '#/'))
			link.setAttribute('aria-current', 'page');
		else
			link.removeAttribute('aria-current');
	draw(true);
}

// --- around it

function alarmLine(alarm) {
	return make('div', { class: `alarm ${alarm.state === 'acked' ? 'acked' : ''}`, 'data-alarm': alarm.alarm },
		make('span', { class: `mark ${alarm.priority}` },
			`${shapes[alarm.priority] ?? '●'} ${alarm.priority[0].toUpperCase()}`),
		make('span', { class: 'what' }, `${alarm.kind} ${alarm.subject}: ${alarm.what}`),
		alarm.since ? make('span', {}, `for ${age(alarm.since)}`) : '',
		alarm.explained ? make('span', {}, `explains ${alarm.explained} more`) : '',
		make('span', { class: 'next' }, alarm.action),
		alarm.state === 'acked' ? make('span', {}, `known to ${alarm.by}`)
			: make('button', { type: 'button', onclick: () => alarmForm(alarm, 'ack') }, 'Acknowledge…'),
		make('button', { type: 'button', onclick: () => alarmForm(alarm, 'shelve') }, 'Shelve…'));
}

function frame() {
	at('node').textContent = mesh.node && `seen from ${mesh.node}`;
	at('drift').textContent = mesh.drift.length || '';
	at('drift').hidden = !mesh.drift.length;
}

function drawAlarms() {
	const open = document.activeElement?.closest('.alarm')?.dataset.alarm;
	at('alarms').replaceChildren(...mesh.alarms.map(alarmLine));
	if (open)
		at('alarms').querySelector(`[data-alarm="${CSS.escape(open)}"] button`)?.focus();
}

let trouble = '';
let signed; // the token that was refused, and asked for once
function watchAge() {
	const late = mesh.heard ? Date.now() - mesh.heard : Infinity;
	const stale = mesh.sources.filter((source) => source.stale).map((source) => source.node);
	document.body.classList.toggle('late', mesh.heard > 0 && late > LATE);
	if (late > LATE)
		at('state').textContent = mesh.heard
			? `no word from ${mesh.node} for ${age(mesh.heard * 1e6)}: what is shown is old`
			: trouble || 'asking the node';
	else
		at('state').textContent = stale.length
			? `live, but for ${stale.join(', ')}` : 'live';
	setTimeout(watchAge, 1000);
}

onChange((what) => {
	if (what instanceof Error) {
		trouble = `${what.message}${what.next ? `. ${what.next}` : ''}`;
		if (what.denied && signed !== token.get()) {
			signed = token.get();
			tokenForm(what);
		}
		return;
	}
	frame();
	if (what === 'alarms')
		drawAlarms();
	draw(false);
});

addEventListener('hashchange', () => {
	go();
	at('view').focus({ preventScroll: true });
});
at('change').addEventListener('click', changeMenu);
at('window').value = mesh.window;
at('window').addEventListener('change', () => {
	mesh.window = at('window').value;
	draw(false);
});
at('sign').addEventListener('click', () => tokenForm());
go();
watchAge();
begin();
