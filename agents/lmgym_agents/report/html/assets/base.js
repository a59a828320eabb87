// What all parts use: the page's data, elements, text that comes from anybody, numbers, tables.

const readBlock = (name) => {
  const block = document.getElementById(name);
  return block === null ? null : JSON.parse(block.textContent);
};
const DATA = readBlock('data');

// Elements are made here alone, and text enters them as text nodes alone.
function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'class') made.className = value;
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// Characters that can't be seen or that move what stands around them: controls, formats (also those of
// direction), private and unassigned ones, halves of surrogates, separators, and piles of combining marks.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0\u2800]|(?<=\p{M}{2})\p{M}/u;
const UNSEEN_ALL = new RegExp(UNSEEN.source, 'gu');
const nameOf = (char) => '⟨' + char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '⟩';

// Returns nodes that show any text whatever; newlines stay, so the place needs white-space: pre-wrap.
function shown(text) {
  text = String(text);
  if (!UNSEEN.test(text)) return [text];
  const nodes = [];
  let start = 0;
  for (const found of text.matchAll(UNSEEN_ALL)) {
    const char = found[0];
    if (char === '\n') continue;
    if (found.index > start) nodes.push(text.slice(start, found.index));
    const title = 'U+' + char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    nodes.push(element('span', { class: 'sign', title }, char === '\t' ? '⇥' : nameOf(char)));
    start = found.index + char.length;
  }
  if (start < text.length) nodes.push(text.slice(start));
  return nodes;
}

// The same as one line of plain text, for options and labels.
const plainShown = (text) => String(text).replace(UNSEEN_ALL, (char) => (char === '\n' ? '⏎' : nameOf(char)));

function number(value, digits = 4) {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size >= 1e7 || size < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
  return text.replace('-', '−');
}
const count = (value) => value.toLocaleString('en');
const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '–');

// An estimate [value, low, high]; of one run, or of runs that are all equal, there is no interval to tell.
function estimate(found) {
  if (!found) return ['–'];
  if (found[1] === found[2]) return [found[0].toFixed(3).replace('-', '−')];
  const low = found[1].toFixed(3).replace('-', '−');
  const high = found[2].toFixed(3).replace('-', '−');
  return [found[0].toFixed(3).replace('-', '−'), ' ', element('span', { class: 'interval' }, `[${low}, ${high}]`)];
}

// Columns: [title, class]; a row is an array of cells, each text from us, a node or an array of nodes.
function table(columns, rows, caption) {
  const head = columns.map(([title, kind]) => element('th', { scope: 'col', class: kind || '' }, title));
  const body = rows.map((cells) =>
    element('tr', {}, cells.map((cell, place) => element('td', { class: columns[place][1] || '' }, cell))));
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption || 'table' },
    element('table', {}, caption ? element('caption', {}, caption) : null,
      element('thead', {}, element('tr', {}, head)), element('tbody', {}, body)));
}

const heading = (text) => element('h2', {}, text);
const empty = (text, command) => element('p', { class: 'empty' }, text,
  ...(command ? [' To fill it: ', element('code', {}, command)] : []));
const tile = (value, label) => element('div', { class: 'tile' }, element('b', {}, value), element('span', {}, label));

// A labelled select; options are [value, text] from anybody.
function choice(label, options, value, change) {
  const made = element('select', { onchange: () => change(made.value) });
  for (const [key, text] of options) {
    made.append(element('option', { value: key, selected: String(key) === String(value) }, plainShown(text)));
  }
  return element('label', {}, label, made);
}

const environmentName = (env) => env.replace(/^lmgym\//, '');
