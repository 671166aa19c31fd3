// Changes: a form that says what will be, and only then does it. Every change
// wants a token with the role for it (posthouse token).
import { make, bytes } from './make.js';
import { mesh, tell, token, refresh } from './mesh.js';

const dialog = document.getElementById('dialog');

function problem(error) {
	return make('p', { class: 'error', role: 'alert' },
		`${error.where ? `${error.where}: ` : ''}${error.message}`,
		error.next ? make('span', { class: 'quiet' }, ` Next: ${error.next}.`) : '');
}

function close() {
	dialog.close();
	refresh();
}

// title, fields (elements), effect() -> words or a promise of elements; act().
function open(title, fields, { look, lookLabel, act, actLabel }) {
	if (dialog.open)
		dialog.close();
	const shown = make('div', { class: 'row' });
	const secret = make('input', {
		type: 'password', id: 'token', autocomplete: 'off', value: token.get(),
		onchange: () => token.set(secret.value),
	});
	const doIt = make('button', { type: 'submit', value: 'act', disabled: true }, actLabel);
	let seen;
	const form = make('form', {
		method: 'dialog',
		onsubmit: async (event) => {
			event.preventDefault();
			token.set(secret.value);
			doIt.disabled = true;
			try {
				await act(seen);
				close();
			} catch (error) {
				shown.replaceChildren(problem(error));
			}
		},
		// What was looked at is no longer what the form says.
		oninput: () => { doIt.disabled = true; },
	},
	make('h2', { id: 'dialog-title' }, title), ...fields,
	make('label', {}, 'token ', secret),
	make('div', { class: 'row' },
		make('button', {
			type: 'button',
			onclick: async () => {
				token.set(secret.value);
				try {
					const { words, value } = await look();
					seen = value;
					shown.replaceChildren(...[words].flat());
					doIt.disabled = false;
					doIt.focus();
				} catch (error) {
					shown.replaceChildren(problem(error));
				}
			},
		}, lookLabel), doIt,
		make('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel')),
	shown);
	dialog.replaceChildren(form);
	dialog.showModal();
	form.querySelector('textarea, input, select')?.focus();
}

const field = (label, element) => make('label', {}, `${label} `, element);
const why = () => make('input', { name: 'why', placeholder: 'for the journal' });
const forSeconds = () => make('select', { name: 'for' },
	[['until it is reverted', ''], ['10 min', 600], ['1 h', 3600], ['8 h', 28800]]
		.map(([text, value]) => make('option', { value }, text)));

function terminals(kinds) {
	return mesh.graph.nodes.flatMap((server) => server.terminals
		.filter((port) => kinds.includes(port.kind))
		.map((port) => `${server.node}/${server.server}:${port.name}`)).sort();
}
function choice(id, list) {
	return [make('input', { list: `${id}-list`, name: id, id, required: true, autocomplete: 'off' }),
		make('datalist', { id: `${id}-list` }, list.map((value) => make('option', { value })))];
}

const signs = { add: '+', change: '~', remove: '−' };

// What a plan does at one node.
function effects(item) {
	return make('li', {}, `${item.node} (revision ${item.revision})`,
		make('ul', {}, item.effects.map((one) =>
			make('li', {}, `${signs[one.change] ?? one.change} ${one.kind} ${one.what}`))));
}

export function planForm() {
	const text = make('textarea', {
		name: 'wiring', id: 'wiring', spellcheck: false, required: true,
		placeholder: 'wiring: 1\nname: …',
	});
	open('Apply a wiring file', [field('wiring file', text)], {
		lookLabel: 'Plan',
		actLabel: 'Apply',
		async look() {
			const [plan] = (await tell('plan', { text: text.value, file: 'page' })).items;
			return {
				value: plan,
				words: [
					make('p', {}, `${plan.scope}: ${plan.servers} servers, ${plan.wires} wires; ` +
						`${plan.items.some((item) => item.effects.length) ? 'this would change:' : 'nothing would change'}`),
					make('ul', { id: 'effect' }, plan.items.map(effects)),
					...(plan.findings ?? []).map((finding) =>
						make('p', { class: 'medium' }, `${finding.severity ?? 'note'} ${finding.rule ?? ''}: ${finding.message ?? JSON.stringify(finding)}`))],
			};
		},
		act: (plan) => tell('apply', { plan: plan.plan }),
	});
}

export function connectForm(from) {
	const [output, outputs] = choice('from', terminals(['out', 'mux']));
	const [input, inputs] = choice('to', terminals(['in', 'combine']));
	const policy = make('select', { name: 'on_full' }, ['block', 'drop-oldest', 'drop-newest', 'latest', 'disconnect']
		.map((value) => make('option', {}, value)));
	const reason = why();
	const lasts = forSeconds();
	output.value = from ?? '';
	open('Lay a wire by hand', [field('from', output), outputs, field('to', input), inputs,
		field('when it is full', policy), field('for', lasts), field('why', reason)], {
		lookLabel: 'Show the effect',
		actLabel: 'Connect',
		async look() {
			const taken = [...mesh.flows.values()].filter((flow) => flow.to === input.value &&
				flow.state !== 'closed');
			return {
				words: make('p', {}, `${output.value} → ${input.value}, ${policy.value}, by hand, ` +
					`${lasts.selectedOptions[0].textContent}.${taken.length
						? ` ${input.value} is wired to ${taken.map((flow) => flow.from).join(', ')} already.` : ''}`),
			};
		},
		act: () => tell('connect', {
			from: output.value, to: input.value, on_full: policy.value, why: reason.value,
			...(lasts.value ? { for: Number(lasts.value) * 1e9 } : {}),
		}),
	});
}

export function disconnectForm(flow) {
	const reason = why();
	const lasts = forSeconds();
	open(`Disconnect ${flow.id}`, [field('for', lasts), field('why', reason)], {
		lookLabel: 'Show the effect',
		actLabel: 'Disconnect',
		async look() {
			return {
				words: make('p', {}, `${flow.from} → ${flow.to} is taken away, ` +
					`${lasts.selectedOptions[0].textContent}; ${bytes(flow.queue?.bytes)} wait in it.`),
			};
		},
		act: () => tell('disconnect', {
			connection: flow.id, why: reason.value,
			...(lasts.value ? { for: Number(lasts.value) * 1e9 } : {}),
		}),
	});
}

export function moveForm(flow) {
	const [input, inputs] = choice('to', terminals(['in', 'combine']));
	const reason = why();
	const lasts = forSeconds();
	open(`Move ${flow.id}`, [field('to', input), inputs, field('for', lasts), field('why', reason)], {
		lookLabel: 'Show the effect',
		actLabel: 'Move',
		async look() {
			return {
				words: make('p', {}, `${flow.from} → ${input.value} instead of ${flow.to}; a new stream begins, ` +
					`${lasts.selectedOptions[0].textContent}.`),
			};
		},
		act: () => tell('move', {
			connection: flow.id, to: input.value, why: reason.value,
			...(lasts.value ? { for: Number(lasts.value) * 1e9 } : {}),
		}),
	});
}

const doings = {
	start: ['Start', 'runs again, if it was stopped, has failed or waits'],
	stop: ['Stop', 'is stopped, and stays so until somebody starts it; what is wired to it waits'],
	restart: ['Restart', 'is stopped and runs again; what is wired to it waits meanwhile'],
};

export function serverForm(name, what) {
	const [node, server] = name.split('/');
	const [label, words] = doings[what];
	open(`${label} ${name}`, [], {
		lookLabel: 'Show the effect',
		actLabel: label,
		async look() {
			const wired = [...mesh.flows.values()].filter((flow) => flow.state !== 'closed' &&
				[flow.from, flow.to].some((end) => end.split(':')[0] === name));
			return {
				words: make('p', {}, `${name} ${words}. ${wired.length
					? `Wired to it: ${wired.map((flow) => `${flow.from} → ${flow.to}`).join(', ')}.`
					: 'Nothing is wired to it.'}`),
			};
		},
		act: () => tell(what, { node, server }),
	});
}

export function revertForm(override) {
	open(`Revert ${override}`, [], {
		lookLabel: 'Show the effect',
		actLabel: 'Revert',
		async look() {
			return { words: make('p', {}, `The change by hand ${override} is dropped; what is declared comes back.`) };
		},
		act: () => tell('revert', { override }),
	});
}

export function alarmForm(alarm, what) {
	const reason = why();
	const lasts = make('select', { name: 'for' }, [['10 min', 600], ['1 h', 3600], ['8 h', 28800]]
		.map(([text, value]) => make('option', { value }, text)));
	const shelve = what === 'shelve';
	open(`${shelve ? 'Shelve' : 'Acknowledge'}: ${alarm.what}`,
		[shelve ? field('for', lasts) : '', field('why', reason)], {
			lookLabel: 'Show the effect',
			actLabel: shelve ? 'Shelve' : 'Acknowledge',
			async look() {
				return {
					words: make('p', {}, shelve
						? `${alarm.subject} is not shown for ${lasts.selectedOptions[0].textContent}.`
						: `${alarm.subject} is known; it stays until it is over.`),
				};
			},
			act: () => tell(what, {
				alarm: alarm.alarm, why: reason.value,
				...(shelve ? { for: Number(lasts.value) * 1e9 } : {}),
			}),
		});
}

// Whoever may not even look is asked for a token; `refused` says why.
export function tokenForm(refused) {
	const secret = make('input', { type: 'password', id: 'sign-token', autocomplete: 'off', value: token.get() });
	const take = (text) => {
		token.set(text);
		close();
	};
	dialog.replaceChildren(make('form', {
		method: 'dialog',
		onsubmit: (event) => {
			event.preventDefault();
			take(secret.value);
		},
	},
	make('h2', { id: 'dialog-title' }, 'Token'), refused ? problem(refused) : '',
	make('p', { class: 'quiet' }, 'posthouse token, on the node, makes one. It stays in this tab until that is closed.'),
	make('label', {}, 'token ', secret),
	make('div', { class: 'row' },
		make('button', { type: 'submit' }, 'Use it'),
		make('button', { type: 'button', onclick: () => take('') }, 'Forget it'),
		make('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'))));
	if (!dialog.open)
		dialog.showModal();
	secret.focus();
}

export function changeMenu() {
	dialog.replaceChildren(make('h2', { id: 'dialog-title' }, 'Change'),
		make('div', { class: 'row' },
			make('button', { type: 'button', onclick: planForm }, 'Apply a wiring file…'),
			make('button', { type: 'button', onclick: () => connectForm() }, 'Lay a wire by hand…'),
			make('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel')));
	if (!dialog.open)
		dialog.showModal();
}

dialog.addEventListener('click', (event) => {
	if (event.target === dialog)
		dialog.close();
});
