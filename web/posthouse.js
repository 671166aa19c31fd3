// A page is a server of the mesh: it opens terminals, stands in the guest book,
// and is wired like any other. No dependencies; the messages are those of
// doc/PROTOCOL.md, "A page's terminals".
//
//   import { attach } from './posthouse.js';
//
//   const page = await attach({
//   	url: 'ws://127.0.0.1:7679/v1/terminal', // default: where the page is from
//   	token: 'ph_...',                        // role wire
//   	server: 'dashboard',
//   	terminals: [
//   		{ name: 'in', kind: 'in', type: 'text/plain' },
//   		{ name: 'out', kind: 'out' },
//   	],
//   });
//   for await (const message of page.terminal('in'))  // Uint8Array
//   	console.log(new TextDecoder().decode(message));
//   await page.terminal('out').send('hello');         // waits while it is full
//   await page.terminal('out').end();                 // until all consumed it
//   page.close();
//
// Backpressure: an input has so much credit; a message that was taken from it
// gives its bytes back. Who does not read stops the source, and nobody else.
const FIN = 0x01, BEGIN = 0x02, END = 0x04, GAP = 0x08, CUT = 0x80;
const HEAD = 5;
const RECORD = 65536; // payload of one record; one message of the socket each
const CREDIT = 262144;

export class PosthouseError extends Error {
	constructor({ what, where, next, exit }) {
		super(where ? `${where}: ${what}` : what);
		Object.assign(this, { what, where, next, exit });
	}
}

function record(number, flags, payload) {
	const bytes = new Uint8Array(HEAD + payload.length);
	bytes[0] = number;
	bytes[1] = payload.length & 255;
	bytes[2] = payload.length >> 8 & 255;
	bytes[3] = payload.length >> 16 & 255;
	bytes[4] = flags;
	bytes.set(payload, HEAD);
	return bytes;
}

// A promise that is kept from outside.
function later() {
	const it = {};
	it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }));
	it.promise.catch(() => {});
	return it;
}

// Bytes of text, a buffer, or a view of one; anything else is a mistake.
function bytesOf(message) {
	if (typeof message === 'string')
		return new TextEncoder().encode(message);
	if (message instanceof ArrayBuffer)
		return new Uint8Array(message);
	if (ArrayBuffer.isView(message))
		return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
	throw new TypeError('a message is a string, an ArrayBuffer, or a view of one');
}

class Output {
	#page;
	#queue = Promise.resolve();
	#room = null;
	#ends = []; // streams that were finished, in the order of their END
	#end = null; // of the last one, when nothing was sent behind it
	#over = null; // null, or the error it ended with

	constructor(page, { number, name, credit }) {
		this.#page = page;
		Object.assign(this, { number, name, credit, connections: 0 });
	}

	// One message: bytes, or text as UTF-8. Resolves when the socket has it;
	// waits while there is no credit. Messages keep their order. The bytes are
	// not to be changed before.
	async send(message) {
		const bytes = bytesOf(message);
		this.#end = null;
		const sent = this.#queue.then(() => this.#send(bytes));
		this.#queue = sent.catch(() => {});
		return sent;
	}

	async #send(bytes) {
		let at = 0;
		do {
			while (at < bytes.length && this.credit < 1) {
				if (this.#over)
					throw this.#over;
				this.#room ??= later();
				await this.#room.promise;
			}
			const size = Math.min(bytes.length - at, this.credit, RECORD);
			const last = at + size === bytes.length;
			this.#page._send(record(this.number, last ? FIN : 0,
				bytes.subarray(at, at + size)));
			this.credit -= size;
			at += size;
		} while (at < bytes.length);
	}

	// The stream is finished; resolves when all that are wired consumed it,
	// rejects when one of them left before. What is sent behind it is the next
	// stream, for whoever is wired then.
	end() {
		if (this.#end)
			return this.#end.promise;
		const done = this.#end = later();
		this.#queue = this.#queue.then(() => {
			this.#ends.push(done);
			this.#page._send(record(this.number, END, new Uint8Array()));
		}).catch((error) => done.reject(error));
		return done.promise;
	}

	_credit(bytes) {
		this.credit += bytes;
		this.#room?.resolve();
		this.#room = null;
	}
	#ended() {
		const done = this.#ends.shift();
		if (done === this.#end)
			this.#end = null;
		return done;
	}
	_done() {
		this.#ended()?.resolve();
	}
	_cut() {
		this.#ended()?.reject(new PosthouseError({
			what: 'who was wired left before the end of the stream',
			where: this.name, next: 'wire it again and send it anew', exit: 1,
		}));
	}
	_lost(error) {
		this.#over = error;
		this.#room?.reject(error);
		for (const done of this.#ends)
			done.reject(error);
	}
}

class Input {
	#page;
	#parts = [];
	#size = 0;
	#paid = 0; // of these, the bytes for which credit was given back
	#messages = [];
	#waiting = null;
	#over = null; // null, or the error it ended with

	constructor(page, { number, name }) {
		this.#page = page;
		Object.assign(this, { number, name, connections: 0, lost: { bytes: 0, messages: 0 } });
	}

	// The next message; undefined when the stream was finished. A stream that
	// was cut begins anew when its source comes back: listen to 'cut'.
	async next() {
		for (;;) {
			const first = this.#messages.shift();
			if (first?.end) {
				this.#page._say({ type: 'consumed', number: this.number });
				return undefined;
			}
			if (first) {
				this.#pay(first.owed);
				return first.bytes;
			}
			if (this.#over)
				throw this.#over;
			this.#waiting ??= later();
			await this.#waiting.promise;
		}
	}

	async* [Symbol.asyncIterator]() {
		for (;;) {
			const message = await this.next();
			if (message === undefined)
				return;
			yield message;
		}
	}

	#wake() {
		this.#waiting?.resolve();
		this.#waiting = null;
	}

	#pay(bytes) {
		if (bytes > 0)
			this.#page._say({ type: 'credit', number: this.number, bytes });
	}

	#push() {
		const bytes = new Uint8Array(this.#size);
		let at = 0;
		for (const part of this.#parts) {
			bytes.set(part, at);
			at += part.length;
		}
		this.#messages.push({ bytes, owed: this.#size - this.#paid });
		this.#forget();
		this.#wake();
	}

	#forget() {
		this.#parts = [];
		this.#size = 0;
		this.#paid = 0;
	}

	#gap(payload) {
		const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
		this.lost.messages += Number(view.getBigUint64(0, true));
		this.lost.bytes += Number(view.getBigUint64(8, true));
		this.#page.dispatchEvent(new CustomEvent('gap', { detail: this }));
	}

	_frame(flags, payload) {
		if (flags & GAP) {
			this.#gap(payload);
		} else if (flags & (CUT | BEGIN)) {
			// What was begun of a message will never be whole.
			this.#pay(this.#size - this.#paid);
			this.#forget();
			if (flags & CUT)
				this.#page.dispatchEvent(new CustomEvent('cut', { detail: this }));
		} else if (flags & END) {
			this.#messages.push({ end: true });
			this.#wake();
		} else {
			this.#parts.push(payload);
			this.#size += payload.length;
			if (flags & FIN) {
				this.#push();
			} else if (this.#size - this.#paid > CREDIT / 2) {
				// Longer than the credit: it would never come whole.
				this.#pay(this.#size - this.#paid);
				this.#paid = this.#size;
			}
		}
	}

	_lost(error) {
		this.#over = error;
		this.#wake();
	}
}

// Events: 'close' (detail: the error), 'cut' and 'gap' (detail: the input),
// 'wired' (detail: the terminal, its `connections` counted anew).
export class Page extends EventTarget {
	#socket;
	#terminals = [];

	constructor(socket, welcome, kinds) {
		super();
		this.#socket = socket;
		Object.assign(this, {
			node: welcome.node, server: welcome.server, identity: welcome.identity,
		});
		for (const terminal of welcome.terminals)
			this.#terminals[terminal.number] = kinds.get(terminal.name)
				? new Input(this, terminal) : new Output(this, terminal);
		socket.onmessage = ({ data }) => (typeof data === 'string'
			? this.#note(JSON.parse(data)) : this.#records(new Uint8Array(data)));
		socket.onclose = ({ code, reason }) => this.#lost(new PosthouseError({
			what: `the connection was closed (${code}${reason && `, ${reason}`})`,
			where: welcome.node, next: 'attach again', exit: 3,
		}));
	}

	terminal(name) {
		const found = this.#terminals.find((one) => one?.name === name);
		if (!found)
			throw new PosthouseError({ what: 'no such terminal', where: name, exit: 4 });
		return found;
	}
	close() {
		this.#socket.close(1000);
	}

	_say(note) {
		if (this.#socket.readyState === WebSocket.OPEN)
			this.#socket.send(JSON.stringify(note));
	}
	_send(bytes) {
		if (this.#socket.readyState !== WebSocket.OPEN)
			throw new PosthouseError({ what: 'the connection is closed', where: this.node, exit: 3 });
		this.#socket.send(bytes);
	}

	#note(note) {
		const terminal = this.#terminals[note.number];
		if (note.type === 'credit')
			terminal._credit(note.bytes);
		else if (note.type === 'done')
			terminal._done();
		else if (note.type === 'cut')
			terminal._cut();
		else if (note.type === 'wired') {
			terminal.connections = note.connections;
			this.dispatchEvent(new CustomEvent('wired', { detail: terminal }));
		}
	}

	#records(bytes) {
		for (let at = 0; at + HEAD <= bytes.length;) {
			const size = bytes[at + 1] | bytes[at + 2] << 8 | bytes[at + 3] << 16;
			const payload = bytes.subarray(at + HEAD, at + HEAD + size);
			this.#terminals[bytes[at]]._frame(bytes[at + 4], payload);
			at += HEAD + size;
		}
	}

	#lost(error) {
		for (const terminal of this.#terminals)
			terminal?._lost(error);
		this.dispatchEvent(new CustomEvent('close', { detail: error }));
	}
}

function address() {
	const url = new URL('v1/terminal', location.href);
	url.protocol = url.protocol.replace('http', 'ws');
	url.hash = '';
	return url.href;
}

// Opens the terminals and resolves to a Page; rejects with a PosthouseError.
export function attach({ url = address(), token, server, terminals, ...more }) {
	const kinds = new Map(terminals.map(({ name, kind }) =>
		[name, kind === 'in' || kind === 'combine']));
	return new Promise((resolve, reject) => {
		const socket = new WebSocket(url, 'posthouse-terminal');
		socket.binaryType = 'arraybuffer';
		socket.onopen = () => socket.send(JSON.stringify({
			type: 'hello', ...(token ? { token } : {}), server, terminals, ...more,
		}));
		socket.onmessage = ({ data }) => {
			const note = JSON.parse(data);
			if (note.type === 'welcome')
				resolve(new Page(socket, note, kinds));
			else
				reject(new PosthouseError(note.error ?? { what: `unexpected: ${note.type}` }));
		};
		socket.onclose = ({ code }) => reject(new PosthouseError({
			what: `the node closed the connection (${code})`, where: url,
			next: 'look whether posthouse up runs there and the token is right', exit: 3,
		}));
	});
}
