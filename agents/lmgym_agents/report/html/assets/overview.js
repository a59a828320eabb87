// The first part: what there is, the leaderboard, failures, aggregate figures, curves, what was left out.

function overview() {
  const parts = [heading('Overview'), tiles()];
  if (!DATA.bench.length) {
    parts.push(empty('There are no results of a benchmark here.',
      'lmgym bench --suite quick --agents ppo,sft,random --out DIR && lmgym report DIR'));
  }
  DATA.bench.forEach((bench, place) => parts.push(...leaderboard(bench, place)));
  if (DATA.runs.length) parts.push(...runList());
  parts.push(...leftOut());
  return parts;
}

function tiles() {
  const results = DATA.bench.reduce((sum, bench) => sum + bench.num_results, 0);
  const failures = DATA.bench.reduce((sum, bench) => sum + bench.failures.length, 0);
  const { total, shown: kept } = DATA.transcripts;
  const found = [[results, 'results'], [failures, 'failed jobs'], [DATA.runs.length, 'runs'],
    [DATA.trees, 'search trees'], [total, kept < total ? `transcripts, ${count(kept)} of them shown` : 'transcripts']];
  return element('div', { class: 'tiles' }, found.filter(([value]) => value).map(([value, label]) =>
    tile(count(value), label)));
}

function leaderboard(bench, place) {
  const suffix = DATA.bench.length > 1 ? `: ${plainShown(bench.suite)} (${bench.hash.slice(0, 8)})` : '';
  const rows = bench.rows.map((row) => [row.rank || '–', shown(row.agent), estimate(row.iqm), estimate(row.median),
    estimate(row.mean), estimate(row.gap), estimate(row.mean_rank), runsOf(row), row.wall_s === null ? '–' :
      number(row.wall_s, 3)]);
  const columns = [['rank', 'number'], ['agent', 'name'], ['IQM ↑'], ['median ↑'], ['mean ↑'], ['optimality gap ↓'],
    ['mean rank ↓'], ['runs'], ['s a run', 'number']];
  const parts = [element('h3', {}, `Leaderboard${suffix}`),
    element('p', { class: 'faint' }, 'Normalised scores: 0 is an agent that draws tokens at random, 1 the best ',
      'possible. In brackets 95 % intervals of a stratified bootstrap over runs. Agents that the runs don’t part ',
      'share a rank (“2=”). An agent that lacks an entry of the suite has no rank. Where there is one run an entry, ',
      'or all are equal, no interval can be told.'),
    table(columns, rows, `${plainShown(bench.suite)}, ${bench.num_results} results, problems ${bench.hash.slice(0, 12)}`)];
  parts.push(...measured(bench), ...failures(bench));
  const figures = figureData().bench?.[place] || {};
  const named = [['aggregate', 'Aggregates with intervals'], ['profile', 'Performance profiles'],
    ['improvement', 'Probability of improvement']];
  for (const [name, title] of named) {
    if (figures[name]) parts.push(element('h3', {}, title), figurePlace(figures[name], title));
  }
  parts.push(...curvesOf(figures.curves, 'Interquartile mean over all runs of the suite, measured on the validation '
    + 'splits; bands are 95 % bootstrap intervals.'));
  parts.push(element('h3', {}, 'Abilities'));
  if (figures.abilities) parts.push(figurePlace(figures.abilities, 'Scores by ability'), abilityTable(bench));
  else parts.push(empty('These results are about fewer than three abilities.',
    'lmgym bench --suite probes --agents ppo,random --out DIR'));
  parts.push(provenance(bench));
  return parts;
}

// What was measured, not normalised, of the entries that were run.
function measured(bench) {
  const names = bench.entries.map((entry) => entry.name).filter((name) => bench.rows.some((row) => row.entries[name]));
  if (!names.length) return [];
  const rows = bench.rows.map((row) => [shown(row.agent), ...names.map((name) => shown(row.entries[name] || '–'))]);
  return [table([['agent', 'name'], ...names.map((name) => [plainShown(name)])], rows,
    'measured on each entry’s headline split: mean over runs (worst to best)')];
}

const runsOf = (row) => [row.runs, ...(row.num_failed ? [element('span', { class: 'bad' }, ' ▲')] : [])];

function failures(bench) {
  if (!bench.failures.length) return [element('p', { class: 'faint' }, 'No job failed.')];
  const rows = bench.failures.map((job) => [shown(job.agent), shown(job.entry), number(job.seed), shown(job.kind),
    element('span', { class: 'text' }, shown(job.where)), element('span', { class: 'text' }, shown(job.message))]);
  return [element('h3', { class: 'bad' }, `▲ ${bench.failures.length} failed jobs, which are in no number`),
    table([['agent', 'name'], ['entry'], ['seed', 'number'], ['what'], ['where'], ['message', 'name']], rows,
      'failed jobs')];
}

const AXES = { num_tokens: 'tokens', num_gradient_steps: 'gradient steps', flops: 'FLOPs' };

// Learning curves with a choice of what was spent; `figures` by axis.
function curvesOf(figures, explanation) {
  const axes = Object.keys(figures || {});
  if (!axes.length) return [];
  const place = element('div');
  const draw = (axis) => place.replaceChildren(figurePlace(figures[axis], `Scores by ${AXES[axis]}`));
  draw(axes[0]);
  return [element('h3', {}, 'Learning curves'), element('p', { class: 'faint' }, explanation),
    element('div', { class: 'controls' },
      choice('by what was spent', axes.map((axis) => [axis, AXES[axis]]), axes[0], draw)), place];
}

function abilityTable(bench) {
  const names = Object.keys(bench.rows[0].abilities);
  const rows = bench.rows.map((row) => [shown(row.agent), ...names.map((name) => estimate(row.abilities[name]))]);
  return table([['agent', 'name'], ...names.map((name) => [plainShown(name)])], rows, 'mean normalised score by ability');
}

function provenance(bench) {
  const list = (values) => values.map((value) => element('div', { class: 'text mono small' }, shown(value)));
  return element('details', {}, element('summary', {}, 'How these results were made'),
    element('p', {}, 'Commits:'), ...list(bench.commits), element('p', {}, 'Machines:'), ...list(bench.machines),
    element('p', {}, 'Commands:'), ...list(bench.commands));
}

function runList() {
  const rows = DATA.runs.map((run) => [element('a', { href: `#runs/${DATA.runs.indexOf(run)}` }, shown(run.path)),
    count(run.num_updates), number(run.success), number(run.reward)]);
  return [element('h3', {}, 'Runs'), table([['folder', 'name'], ['updates', 'number'], ['last success', 'number'],
    ['last reward', 'number']], rows, 'runs')];
}

function leftOut() {
  if (!DATA.left_out.length) return [];
  return [element('h3', { class: 'bad' }, 'Left out'), element('p', {}, 'What was damaged, too large, or not to be trusted:'),
    element('ul', {}, DATA.left_out.map((item) => element('li', { class: 'text' }, shown(item.what), ': ', shown(item.why))))];
}
