// Two checkpoints on the same problems: what became right, what became wrong, side by side.

const pairView = { group: 0, a: null, b: null, kind: 'newly wrong', page: 0 };
const KINDS = ['newly right', 'newly wrong', 'both right', 'both wrong'];
const PAIRS = 10;

function compare() {
  const groups = DATA.transcripts.groups.filter((group) => Object.keys(group.outcomes).length > 1);
  const parts = [heading('Compare two checkpoints')];
  if (!groups.length) {
    return [...parts, empty('There are no two sets of token records of the same environment and split.',
      'lmgym train ppo --out DIR (it leaves start.tokens.jsonl and end.tokens.jsonl)')];
  }
  const group = groups[Math.min(pairView.group, groups.length - 1)];
  const members = Object.keys(group.outcomes);
  if (!members.includes(pairView.a) || !members.includes(pairView.b)) [pairView.a, pairView.b] = firstPair(members);
  const nameOfSource = (key) => sourceName(DATA.transcripts.sources[Number(key)]);
  const change = (name) => (value) => { Object.assign(pairView, { [name]: value, page: 0 }); show(); };
  const options = members.map((key) => [key, nameOfSource(key)]);
  const sets = changes(group);
  if (!sets[pairView.kind].length) pairView.kind = KINDS.find((kind) => sets[kind].length) || KINDS[0];
  if (!quantities().includes(view.quantity)) view.quantity = quantities()[0] || 'logp';
  const list = element('div');
  const redraw = (page = 0) => { pairView.page = page; list.replaceChildren(...pairsOf(group, sets, redraw)); };
  parts.push(element('div', { class: 'controls' },
    choice('environment and split', groups.map((item, at) => [at, `${environmentName(item.env)}, ${item.split} ${item.options}`]),
      groups.indexOf(group), (value) => { Object.assign(pairView, { group: Number(value), a: null, b: null, page: 0 }); show(); }),
    choice('A (before)', options, pairView.a, change('a')), choice('B (after)', options, pairView.b, change('b')),
    choice('colours show', quantities().map((name) => [name, quantityName(name)]), view.quantity,
      (value) => { view.quantity = value; redraw(); })));
  parts.push(summary(sets), element('div', { class: 'controls' },
    choice('problems', KINDS.map((kind) => [kind, `${kind} (${sets[kind].length})`]), pairView.kind, change('kind'))), list);
  redraw();
  return parts;
}

// A pair of one folder, such as start and end of a run, where there is one.
function firstPair(members) {
  const folderOf = (key) => DATA.transcripts.sources[Number(key)].name.split('/').slice(0, -1).join('/');
  const isStart = (key) => /start[^/]*$/.test(DATA.transcripts.sources[Number(key)].name);
  for (const a of members) {
    const b = members.find((key) => key !== a && folderOf(key) === folderOf(a));
    if (b !== undefined) return isStart(b) ? [b, a] : [a, b];
  }
  return [members[0], members[1]];
}

function changes(group) {
  const [a, b] = [group.outcomes[pairView.a], group.outcomes[pairView.b]];
  const kinds = { '01': 'newly right', 10: 'newly wrong', 11: 'both right', '00': 'both wrong' };
  const sets = Object.fromEntries([...KINDS, 'other'].map((kind) => [kind, []]));
  group.problems.forEach((problem, at) => sets[kinds[a[at] + b[at]] || 'other'].push(problem));
  return sets;
}

function summary(sets) {
  const common = KINDS.reduce((sum, kind) => sum + sets[kind].length, 0);
  const change = sets['newly right'].length - sets['newly wrong'].length;
  return element('div', {}, element('div', { class: 'tiles', id: 'changes' }, KINDS.map((kind) => tile(count(sets[kind].length), kind)),
    tile(`${change >= 0 ? '+' : '−'}${percent(Math.abs(change), common)}`, 'change')),
    element('p', { class: 'faint' }, `${count(common)} problems were answered by both; these counts are of all of them`,
      `, also of those whose transcripts are not in this page. ${count(sets.other.length)} were asked of one alone, or failed. `,
      'A line under a token says where the two answers part.'));
}

function pairsOf(group, sets, redraw) {
  const at = (source) => new Map(INDEX.filter((item) => item.source === Number(source)).map((item) => [item.problem, item]));
  const [left, right] = [at(pairView.a), at(pairView.b)];
  const all = sets[pairView.kind];
  const there = all.filter((problem) => left.has(problem) && right.has(problem));
  const last = Math.max(0, Math.ceil(there.length / PAIRS) - 1);
  const page = Math.min(pairView.page, last);
  const parts = [element('p', { role: 'status', class: 'faint' }, `${count(all.length)} ${pairView.kind}, ${count(there.length)} of them in this page`)];
  if (all.length) parts.push(element('details', {}, element('summary', { class: 'small' }, 'Their numbers'),
    element('p', { class: 'mono small' }, shown(all.slice(0, 2000).join(', ') + (all.length > 2000 ? ' …' : '')))));
  if (!there.length) return [...parts, element('p', { class: 'empty' }, all.length ? 'Their transcripts were not chosen: lmgym report --max-transcripts N shows more.'
    : 'There is none.')];
  const pairs = there.slice(page * PAIRS, (page + 1) * PAIRS).map((problem) => {
    const both = [left.get(problem), right.get(problem)];
    const at = parting(...both.map((item) => transcript(item.at).tokens));
    return element('section', { class: 'problem' }, element('h3', {}, `Problem ${plainShown(problem)}`),
      element('div', { class: 'pair' }, both.map((item) => card(item, view.quantity, at))));
  });
  return [...parts, legendOf(view.quantity), pager(page, last, redraw), ...pairs, pager(page, last, redraw)];
}

// The first token in which two transcripts differ; -1 if they are equal.
function parting(one, other) {
  const longest = Math.max(one.length, other.length);
  for (let at = 0; at < longest; at++) if (one[at] !== other[at]) return at;
  return -1;
}
