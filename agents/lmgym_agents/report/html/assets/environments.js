// A page for each entry of a suite: agents by splits, the curve, examples.

function environments(chosen) {
  const entries = DATA.bench.flatMap((bench, place) => bench.entries.map((entry) => ({ ...entry, bench: place })));
  const parts = [heading('Environments')];
  if (!entries.length) {
    return [...parts, empty('There are no results of a benchmark here.', 'lmgym bench --suite quick --out DIR')];
  }
  const wasRun = (item) => item.table.some((row) => row.num_runs || row.num_failed);
  const first = Math.max(entries.findIndex(wasRun), 0); // of a suite whose first entries were left away
  const at = Math.min(Math.max(Number(chosen ?? first) || 0, 0), entries.length - 1);
  const entry = entries[at];
  const title = (item) => (DATA.bench.length > 1 ? `${DATA.bench[item.bench].suite}: ${item.name}` : item.name)
    + (wasRun(item) ? '' : ' (not run)');
  parts.push(element('div', { class: 'controls' }, choice('entry', entries.map((item, place) => [place, title(item)]), at,
    (value) => { location.hash = `#environments/${value}`; })));
  parts.push(element('h3', {}, shown(entry.name)), facts(entry), splitTable(entry));
  const curves = curvesOf(figureData().bench?.[entry.bench]?.entries?.[entry.name],
    'Interquartile mean over runs, on the validation split; bands are 95 % bootstrap intervals.');
  parts.push(...(curves.length ? curves : [empty('No agent has a learning curve here.')]));
  parts.push(element('h3', {}, 'Examples'), ...examples(entry));
  return parts;
}

function facts(entry) {
  const options = Object.entries(entry.options).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ');
  const anchors = Object.entries(entry.anchors).map(([split, [low, high]]) =>
    `${split}: random ${number(low)}, optimal ${number(high)}`).join('; ');
  return element('p', { class: 'faint' }, element('code', {}, shown(entry.env)), ' ',
    element('code', {}, shown(options)), ` measured: ${entry.metric}. Budget: ${count(entry.budget)} tokens. `,
    shown(`About: ${entry.abilities.join(', ')}. ${anchors}.`));
}

function splitTable(entry) {
  const splits = [...new Set(entry.table.flatMap((row) => Object.keys(row.splits)))];
  const order = [...entry.splits.filter((split) => splits.includes(split)), ...splits.filter((s) => !entry.splits.includes(s))];
  const cell = (found) => {
    if (!found) return ['–'];
    const [mean, low, high] = found.map((value) => number(value, 3));
    return low === high ? [mean] : [mean, ' ', element('span', { class: 'interval' }, `${low} to ${high}`)];
  };
  const rows = entry.table.map((row) => [shown(row.agent), cell(row.start), ...order.map((split) => cell(row.splits[split])),
    row.num_failed ? element('span', { class: 'bad' }, `${row.num_runs} (${row.num_failed} failed)`) : String(row.num_runs),
    ...[row.num_tokens, row.num_read, row.num_steps].map((spent) => (spent === null ? '–' : count(spent))), number(row.wall_s, 3)]);
  return table([['agent', 'name'], [`${plainShown(entry.splits[0])} before training`], ...order.map((split) => [plainShown(split)]), ['runs'],
    ['tokens acted', 'number'], ['tokens read', 'number'], ['gradient steps', 'number'], ['s a run', 'number']], rows, `${entry.metric}: mean over runs, worst to best run`);
}

function examples(entry) {
  const rows = INDEX.filter((item) => DATA.transcripts.sources[item.source].env === entry.env
    && nameParts(DATA.transcripts.sources[item.source].name).includes(entry.name));
  const picked = [...rows.filter((item) => item.success === true).slice(0, 2),
    ...rows.filter((item) => item.success === false).slice(0, 2)];
  if (!picked.length) return [empty('No token records of this entry are here; agents that are language models leave them.')];
  return [legendOf('logp'), ...picked.map((item) => card(item, 'logp')),
    element('p', {}, element('a', { href: '#transcripts' }, 'All transcripts'))];
}
const nameParts = (name) => name.split('/');
