// A page as a server of the mesh: it opens one terminal, `load`, into which
// dashboard.yaml wires a program of each host. A message is "HOST NUMBER".
import { attach } from './posthouse.js';

const LENGTH = 120; // values drawn, one a second
const OLD = 5000; // ms without a value: shown as old
const AGAIN = 2000; // ms until a page that was cut off tries again

const SVG = 'http://www.w3.org/2000/svg';
const state = document.querySelector('#state');
const sign = document.querySelector('#sign');
const hosts = new Map();

function row(name) {
	let host = hosts.get(name);
	if (host)
		return host;
	const tr = document.createElement('tr');
	const [th, now, drawn] = ['th', 'td', 'td'].map((tag) =>
		tr.appendChild(document.createElement(tag)));
	const svg = drawn.appendChild(document.createElementNS(SVG, 'svg'));
	svg.setAttribute('viewBox', `0 0 ${LENGTH - 1} 1`);
	svg.setAttribute('preserveAspectRatio', 'none');
	svg.setAttribute('role', 'img');
	svg.setAttribute('aria-label', `the load of ${name} over time`);
	const line = svg.appendChild(document.createElementNS(SVG, 'polyline'));
	th.textContent = name;
	host = { tr, now, line, values: [], at: 0 };
	hosts.set(name, host);
	document.querySelector('#hosts').replaceChildren(
		...[...hosts].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one.tr));
	return host;
}

function show(text) {
	const [name, number] = text.trim().split(' ');
	const value = Number(number);
	if (!name || !Number.isFinite(value))
		return;
	const host = row(name);
	host.values = [...host.values, value].slice(-LENGTH);
	host.at = Date.now();
	host.now.textContent = value.toFixed(2);
	const top = Math.max(1, ...host.values);
	host.line.setAttribute('points', host.values.map((one, i) =>
		`${LENGTH - host.values.length + i},${1 - one / top}`).join(' '));
}

function grey() {
	for (const { tr, at } of hosts.values())
		tr.classList.toggle('old', Date.now() - at > OLD);
}

// Until the page is closed, or the node does not want it.
async function live(token) {
	const page = await attach({
		token,
		server: 'dashboard',
		terminals: [{ name: 'load', kind: 'combine', type: 'text/plain' }],
	});
	const input = page.terminal('load');
	const say = () => {
		state.textContent = `${page.node}/${page.server} stands in the guest book, ` +
			`${input.connections} wired`;
	};
	page.addEventListener('wired', say);
	say();
	const decoder = new TextDecoder();
	// A source that ended comes back when it is started again.
	for (;;)
		for await (const message of input)
			show(decoder.decode(message));
}

async function run(token) {
	sign.hidden = true;
	for (;;) {
		try {
			await live(token);
		} catch (error) {
			state.textContent = `${error.message}${error.next ? `; ${error.next}` : ''}`;
			if (error.exit === 6) {
				sessionStorage.removeItem('token');
				sign.hidden = false;
				return;
			}
		}
		await new Promise((resolve) => setTimeout(resolve, AGAIN));
	}
}

sign.addEventListener('submit', (event) => {
	event.preventDefault();
	const token = document.querySelector('#token').value.trim();
	sessionStorage.setItem('token', token);
	run(token);
});
setInterval(grey, 1000);
const kept = sessionStorage.getItem('token');
if (kept)
	run(kept);
