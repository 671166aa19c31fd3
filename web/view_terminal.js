// This page as a server: an input that shows what comes, an output that sends
// what is typed. It leaves the guest book when the tab is closed.
import { make, bytes } from './make.js';
import { token, refresh } from './mesh.js';
import { attach } from './posthouse.js';
import { connectForm } from './change.js';

const SHOWN = 100000; // characters

let page = null;
let count = { messages: 0, bytes: 0 };
const shown = make('output', { id: 'came', 'aria-label': 'what came' });
const counted = make('p', { class: 'quiet', id: 'counted' });

function show(text) {
	shown.textContent = (shown.textContent + text).slice(-SHOWN);
	shown.scrollTop = shown.scrollHeight;
}

async function listen(input) {
	const decoder = new TextDecoder();
	for (;;) {
		const message = await input.next();
		if (message === undefined) {
			show('\n(the stream ended)\n');
			continue;
		}
		count.messages++;
		count.bytes += message.length;
		counted.textContent = `${count.messages} messages, ${bytes(count.bytes)}`;
		show(decoder.decode(message, { stream: true }));
	}
}

function status() {
	return page ? `${page.node}/${page.server}: terminals in and out` : '';
}

export function terminalView() {
	const told = make('p', { id: 'attached', role: 'status' }, status());
	const secret = make('input', { type: 'password', id: 'terminal-token', value: token.get(), autocomplete: 'off' });
	const name = make('input', { id: 'terminal-name', value: page?.server ?? 'page', pattern: '[A-Za-z0-9][A-Za-z0-9._\\-]*' });
	const line = make('input', { id: 'line', 'aria-label': 'a line to send', disabled: !page });
	const wire = make('button', { type: 'button', disabled: !page, onclick: () => connectForm() }, 'Wire it…');

	async function open(event) {
		event.preventDefault();
		token.set(secret.value);
		try {
			page?.close();
			page = await attach({
				token: token.get(),
				server: name.value,
				terminals: [{ name: 'in', kind: 'in', type: '' }, { name: 'out', kind: 'out', type: 'text/plain' }],
			});
		} catch (error) {
			told.textContent = `${error.message}. ${error.next ?? ''}`;
			return;
		}
		count = { messages: 0, bytes: 0 };
		shown.textContent = '';
		told.textContent = status();
		line.disabled = false;
		wire.disabled = false;
		const mine = page;
		mine.addEventListener('cut', () => show('\n(the stream was cut)\n'));
		mine.addEventListener('gap', ({ detail }) => show(`\n(${detail.lost.messages} messages were dropped)\n`));
		mine.addEventListener('close', () => {
			if (page !== mine)
				return;
			page = null;
			told.textContent = 'the node closed the connection';
			line.disabled = true;
		});
		listen(mine.terminal('in')).catch(() => {});
		refresh();
	}
	function send(event) {
		event.preventDefault();
		page?.terminal('out').send(`${line.value}\n`);
		line.value = '';
	}

	return {
		signature: () => 'terminal',
		draw: () => [
			make('h2', {}, 'this page as a server'),
			make('p', { class: 'quiet' }, 'It opens two terminals on this node, which are wired like any other. ' +
				'A token of role wire is needed: posthouse token wire.'),
			make('form', { class: 'row', onsubmit: open },
				make('label', {}, 'name ', name), make('label', {}, 'token ', secret),
				make('button', { id: 'attach' }, 'Open'), wire),
			told, shown, counted,
			make('form', { class: 'row', onsubmit: send }, line, make('button', {}, 'Send'))],
		update() {},
	};
}
