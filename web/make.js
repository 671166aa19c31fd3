// Elements of HTML and SVG from a name, attributes and children. Text is text:
// nothing that a node says becomes markup.
const SVG = 'http://www.w3.org/2000/svg';
const drawn = new Set(['svg', 'g', 'rect', 'path', 'text', 'circle', 'polyline',
	'line', 'title', 'defs', 'marker']);

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value === undefined || value === null || value === false)
			continue;
		if (name.startsWith('on'))
			element.addEventListener(name.slice(2), value);
		else
			element.setAttribute(name, value === true ? '' : value);
	}
	for (const child of children.flat())
		if (child !== undefined && child !== null)
			element.append(child);
	return element;
}

export function make(name, attributes, ...children) {
	const element = drawn.has(name) ? document.createElementNS(SVG, name)
		: document.createElement(name);
	return fill(element, attributes, children);
}

// A link inside a drawing.
export function link(attributes, ...children) {
	return fill(document.createElementNS(SVG, 'a'), attributes, children);
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];
export function bytes(count) {
	let value = Number(count) || 0;
	let unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	return `${unit && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
export const rate = (count) => `${bytes(count)}/s`;

// From ns since 1970.
export function age(ns) {
	const seconds = Math.max(0, Math.round(Date.now() / 1000 - Number(ns) / 1e9));
	if (seconds < 100)
		return `${seconds} s`;
	if (seconds < 6000)
		return `${Math.floor(seconds / 60)} min`;
	if (seconds < 360000)
		return `${Math.floor(seconds / 3600)} h`;
	return `${Math.floor(seconds / 86400)} days`;
}
export const clock = (ns) => new Date(Number(ns) / 1e6).toLocaleTimeString();

// head: [[title, cell(item), is number], ...]
export function table(caption, head, items, wrong) {
	return make('div', { class: 'scroll' }, make('table', {},
		make('caption', {}, `${caption}: ${items.length}`),
		make('thead', {}, make('tr', {},
			head.map(([title]) => make('th', { scope: 'col' }, title)))),
		make('tbody', {}, items.map((item) => make('tr',
			{ class: wrong?.(item) ? 'wrong' : null },
			head.map(([, cell, number]) => make('td',
				{ class: number ? 'number' : null },
				cell(item) ?? '')))))));
}
