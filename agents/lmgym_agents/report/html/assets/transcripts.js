// The transcript browser: filters, order, search, pages.

const PAGE = 20;
const view = { source: '', env: '', outcome: '', sort: 'file', search: '', quantity: 'logp', page: 0 };
const EMPTY_TRANSCRIPTS = ['There are no token records here. Runs of language models leave them, and any model makes them.',
  'lmgym eval --model RUN/model --tokens-out DIR/mine.tokens.jsonl'];

function quantities() {
  const there = Object.keys(DATA.transcripts.ranges);
  return [...Object.keys(QUANTITIES).filter((name) => there.includes(name)), ...there.filter((name) => !QUANTITIES[name])];
}

function transcripts() {
  const { sources, total, rule } = DATA.transcripts;
  const parts = [heading('Transcripts')];
  if (!INDEX.length) return [...parts, empty(...EMPTY_TRANSCRIPTS)];
  parts.push(element('p', { class: 'faint', id: 'sampling' }, rule
    ? `${count(INDEX.length)} of ${count(total)} shown: ${rule}. More: lmgym report --max-transcripts N.`
    : `All ${count(total)} transcripts are shown.`), element('p', { class: 'faint' }, 'Point at a token, or go there by ',
    'Tab and the arrow keys, for its numbers. Surprise is the mean −log-prob of a response’s tokens, in nats.'));
  const list = element('div');
  const status = element('p', { class: 'faint', role: 'status' });
  const redraw = (page = 0) => { view.page = page; list.replaceChildren(...pageOf(status, redraw)); };
  const change = (name) => (value) => { view[name] = value; redraw(); };
  const envs = [...new Set(sources.map((source) => source.env))].sort();
  const search = element('input', { type: 'search', id: 'search', value: view.search, oninput: () => change('search')(search.value) });
  if (!quantities().includes(view.quantity)) view.quantity = quantities()[0] || 'logp';
  parts.push(element('div', { class: 'controls', role: 'search' },
    choice('colours show', quantities().map((name) => [name, quantityName(name)]), view.quantity, change('quantity')),
    choice('environment', [['', 'all'], ...envs.map((env) => [env, environmentName(env)])], view.env, change('env')),
    choice('from', [['', 'all'], ...sources.map((source, at) => [at, `${sourceName(source)} (${source.shown})`])], view.source, change('source')),
    choice('outcome', [['', 'all'], ['wrong', '✗ wrong'], ['right', '✓ right'], ['failed', '! failed']], view.outcome, change('outcome')),
    choice('order', [['file', 'as in the files'], ['longest', 'longest'], ['surprise', 'most surprising'], ['reward', 'lowest reward']],
      view.sort, change('sort')),
    element('label', {}, 'text', search)), status, list);
  redraw(view.page);
  return parts;
}

let texts = null;
// All texts, lower case, read when they are first searched.
function searchable() {
  texts ??= INDEX.map((item) => {
    const episode = transcript(item.at);
    return `${episode.prompt}\n${episode.tokens.join('')}`.toLowerCase();
  });
  return texts;
}

function selected() {
  const { sources } = DATA.transcripts;
  const wanted = { wrong: false, right: true, failed: null }[view.outcome];
  const needle = view.search.toLowerCase();
  const found = INDEX.filter((item) => (view.source === '' || item.source === Number(view.source))
    && (view.env === '' || sources[item.source].env === view.env)
    && (view.outcome === '' || item.success === wanted)
    && (needle === '' || searchable()[item.at].includes(needle)));
  const orders = { longest: (item) => -item.num_tokens, surprise: (item) => -(item.surprise ?? -Infinity),
    reward: (item) => item.reward ?? Infinity };
  const by = orders[view.sort];
  return by ? found.sort((a, b) => by(a) - by(b) || a.at - b.at) : found;
}

function pageOf(status, redraw) {
  const found = selected();
  const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
  const page = Math.min(view.page, last);
  status.textContent = `${count(found.length)} transcripts`;
  if (!found.length) return [element('p', { class: 'empty' }, 'No transcript is like this. Take a filter away.')];
  const cards = found.slice(page * PAGE, (page + 1) * PAGE).map((item) => card(item, view.quantity));
  return [legendOf(view.quantity), pager(page, last, redraw), ...cards, pager(page, last, redraw)];
}

function pager(page, last, go) {
  if (!last) return element('div');
  return element('div', { class: 'pager' },
    element('button', { type: 'button', disabled: page === 0, onclick: () => go(page - 1) }, '← before'),
    `page ${page + 1} of ${last + 1}`,
    element('button', { type: 'button', disabled: page === last, onclick: () => go(page + 1) }, 'next →'));
}
