// Drawings of layers, from left to right. Layers and orders come from the node
// (/v1/topology); here they only become places, the same for the same graph.
import { make, link } from './make.js';

const GAP_X = 180;
const GAP_Y = 34;
const PAD = 24;

// Boxes {layer, order, name, width, height} get x and y. A layer that would be
// much higher than the sheet is wide becomes several columns.
export function place(boxes) {
	const layers = new Map();
	for (const box of boxes) {
		if (!layers.has(box.layer))
			layers.set(box.layer, []);
		layers.get(box.layer).push(box);
	}
	const most = Math.max(8, Math.ceil(Math.sqrt(boxes.length) * 1.3));
	let x = PAD;
	let height = 0;
	for (const layer of [...layers.keys()].sort((a, b) => a - b)) {
		const column = layers.get(layer).sort((a, b) => a.order - b.order ||
			(a.name < b.name ? -1 : 1));
		for (let from = 0; from < column.length; from += most) {
			let y = PAD;
			let width = 0;
			for (const box of column.slice(from, from + most)) {
				box.x = x;
				box.y = y;
				y += box.height + GAP_Y;
				width = Math.max(width, box.width);
			}
			height = Math.max(height, y - GAP_Y);
			x += width + (from + most < column.length ? 30 : GAP_X);
		}
	}
	return { width: Math.max(x - GAP_X + PAD, 200), height: height + PAD };
}

export function sheet(size, label, ...children) {
	return make('div', { class: 'sheet' }, make('svg', {
		class: 'graph',
		role: 'group',
		'aria-label': label,
		width: size.width,
		height: size.height,
		viewBox: `0 0 ${size.width} ${size.height}`,
	}, arrow(), ...children));
}

function arrow() {
	return make('defs', {}, make('marker', {
		id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4,
		markerWidth: 12, markerHeight: 12, markerUnits: 'userSpaceOnUse',
		orient: 'auto',
	}, make('path', { class: 'arrow', d: 'M0 0L8 4L0 8z' })));
}

// As wide as the logarithm of what flows.
export const width = (bps) =>
	bps > 0 ? Math.min(12, 1 + Math.log10(1 + bps)) : 1;

// Ends lie on a side of a box: `way` is 1 at its right, -1 at its left.
function path(from, to) {
	const far = Math.abs(to.x - from.x);
	const bend = from.way === to.way ? 60 + Math.abs(to.y - from.y) / 6
		: Math.max(40, far / 2);
	return `M${from.x} ${from.y}C${from.x + from.way * bend} ${from.y} ` +
		`${to.x + to.way * bend} ${to.y} ${to.x} ${to.y}`;
}

// Wires between boxes, none over another at its ends: on each side of a box
// they stand in the order of what they lead to. edges: [{from, to}] of boxes;
// each gets `ends`.
export function attach(edges) {
	const sides = new Map();
	const end = (node, way, other, put) => {
		const key = `${node.name} ${way}`;
		if (!sides.has(key))
			sides.set(key, []);
		sides.get(key).push({ node, way, other, put });
	};
	for (const edge of edges) {
		const { from, to } = edge;
		edge.ends = {};
		const forward = to.x >= from.x + from.width;
		const back = from.x >= to.x + to.width;
		end(from, back ? -1 : 1, to, (at) => { edge.ends.from = at; });
		end(to, forward ? -1 : 1, from, (at) => { edge.ends.to = at; });
	}
	for (const list of sides.values()) {
		list.sort((a, b) => a.other.y - b.other.y || a.other.x - b.other.x);
		list.forEach(({ node, way, put }, i) => put({
			way,
			x: way > 0 ? node.x + node.width : node.x,
			y: node.y + node.height * (i + 1) / (list.length + 1),
		}));
	}
}

// edge: {key, from: {x, y}, to, href, label}. Wires are told apart by set().
export function wire(edge) {
	const { from, to } = edge;
	const line = make('path', {
		class: 'wire', d: path(from, to), 'marker-end': 'url(#arrow)',
	});
	const text = make('text', {
		class: 'small',
		x: from.x + from.way * 12,
		y: from.y - 5,
		'text-anchor': from.way > 0 ? 'start' : 'end',
	});
	const title = make('title');
	const element = link({ href: edge.href, 'data-key': edge.key },
		title, make('path', { class: 'hit', d: path(from, to) }), line, text);
	const set = ({ bps, words, note, kinds }) => {
		line.setAttribute('stroke-width', width(bps).toFixed(1));
		line.setAttribute('class', `wire ${bps > 0 ? '' : 'still'} ${kinds ?? ''}`);
		text.textContent = note ?? '';
		title.textContent = words;
		element.setAttribute('aria-label', words);
	};
	return { element, set };
}

export function box(node) {
	return link({
		href: node.href,
		class: node.kinds,
		'data-name': node.name,
		'aria-label': node.words,
	},
	make('title', {}, node.words),
	make('rect', {
		class: 'box', x: node.x, y: node.y, rx: 3,
		width: node.width, height: node.height,
	}),
	make('text', { x: node.x + 10, y: node.y + 18 }, node.title),
	node.mark && make('text', {
		class: `mark ${node.mark[1]}`,
		x: node.x + node.width - 10, y: node.y + 18, 'text-anchor': 'end',
	}, node.mark[0]),
	(node.lines ?? []).map((line, at) => make('text', {
		class: 'small', x: node.x + 10, y: node.y + 34 + at * 14,
	}, line)),
	(node.ports ?? []).map((port) => [
		make('circle', { class: 'port', cx: port.x, cy: port.y, r: 4 }),
		make('text', {
			class: 'small',
			x: port.x + (port.out ? -8 : 8), y: port.y + 4,
			'text-anchor': port.out ? 'end' : 'start',
		}, port.name)]).flat());
}
