// Runs: the curves of the metrics that were chosen, of one run or of two beside each other.

const CHOSEN = ['success', 'reward', 'score', 'kl_reference', 'entropy', 'num_actions', 'eval_success', 'loss'];
const runState = { other: '', names: null, smooth: true };

const readRuns = new Map();
function readRun(at) {
  if (!readRuns.has(at)) readRuns.set(at, readBlock(`run-${at}`));
  return readRuns.get(at);
}

function runs(chosen) {
  const parts = [heading('Runs')];
  if (!DATA.runs.length) return [...parts, empty('There is no run here.', 'lmgym train ppo --out DIR && lmgym report DIR')];
  const at = Math.min(Math.max(Number(chosen) || 0, 0), DATA.runs.length - 1);
  const run = readRun(at);
  const other = runState.other === '' ? null : readRun(Number(runState.other));
  const paths = DATA.runs.map((item, place) => [place, item.path]);
  const place = element('div');
  const redraw = () => place.replaceChildren(...metricCurves(run, other));
  parts.push(element('div', { class: 'controls' },
    choice('run', paths, at, (value) => { location.hash = `#runs/${value}`; }),
    choice('beside it', [['', 'none'], ...paths], runState.other, (value) => { runState.other = value; show(); }),
    toggle('smooth', runState.smooth, (on) => { runState.smooth = on; redraw(); })));
  parts.push(...evaluations(run), metricChooser(run, redraw), place, ...samples(run));
  if (run.config) parts.push(element('details', {}, element('summary', {}, 'Configuration'),
    element('pre', { class: 'config' }, shown(run.config))));
  redraw();
  return parts;
}

function toggle(label, on, change) {
  const box = element('input', { type: 'checkbox', checked: on, onchange: () => change(box.checked) });
  return element('label', { class: 'check' }, box, ...shown(label));
}

function evaluations(run) {
  if (!run.evaluation.length) return [];
  const rows = run.evaluation.map((row) => [shown(row.stage), shown(row.split), percent(row.mean, 1),
    `${percent(row.low, 1)} to ${percent(row.high, 1)}`]);
  return [table([['after'], ['split'], ['success', 'number'], ['95 %']], rows, 'evaluations')];
}

function chosenNames(run) {
  const there = Object.keys(run.metrics);
  const wanted = runState.names || CHOSEN;
  const found = there.filter((name) => wanted.includes(name));
  return found.length || runState.names ? found : there.slice(0, 6);
}

function metricChooser(run, redraw) {
  const names = Object.keys(run.metrics);
  const change = (name, on) => {
    const now = new Set(chosenNames(run));
    if (on) now.add(name); else now.delete(name);
    runState.names = [...now];
    redraw();
  };
  const first = chosenNames(run);
  return element('details', {}, element('summary', {}, `Metrics: ${first.length} of ${names.length} shown`),
    element('div', { class: 'controls' }, names.map((name) =>
      toggle(name, first.includes(name), (on) => change(name, on)))));
}

function metricCurves(run, other) {
  const names = chosenNames(run);
  if (!run.steps.length) return [empty('This run has no updates yet.', 'lmgym watch RUN')];
  return [element('div', { class: 'grid' }, names.map((name) => {
    const lines = [[run, '#0072B2'], ...(other ? [[other, '#E69F00']] : [])].filter(([item]) => item.metrics[name]);
    const data = lines.flatMap(([item, colour]) => metricLines(item, name, colour, lines.length > 1));
    const layout = { height: 230, margin: { l: 48, r: 8, t: 30, b: 40 }, showlegend: false,
      title: { text: plotText(name), font: { size: 13 }, x: 0.02, xanchor: 'left' }, xaxis: { title: { text: 'update', font: { size: 11 }, standoff: 4 } }, yaxis: {} };
    return figurePlace({ data, layout }, `${plainShown(name)} by update`);
  })), other ? element('p', { class: 'small' },  'blue: ' , shown(run.path),
    ' · orange: ', shown(other.path)) : ''];
}

// Plotly reads some HTML in texts.
const plotText = (text) => plainShown(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').slice(0, 80);

function metricLines(run, name, colour, isNamed) {
  const values = run.metrics[name];
  const line = (y, width, opacity) => ({ type: 'scatter', mode: values.length < 20 ? 'lines+markers' : 'lines', x: run.steps, y, opacity,
    line: { color: colour, width }, marker: { size: 4 }, name: isNamed ? plotText(run.path) : '', hovertemplate: '%{x}: %{y:.4g}' });
  if (!runState.smooth || values.length < 24) return [line(values, 1.8, 1)];
  return [{ ...line(values, 0.8, 0.35), hoverinfo: 'skip', hovertemplate: null }, line(smoothed(values, run.stages), 2, 1)];
}

// A centred mean over a thirtieth of the curve, within each stage.
function smoothed(values, stages) {
  const reach = Math.max(1, Math.round(values.length / 60));
  return values.map((value, at) => {
    if (value === null) return null;
    const near = [];
    for (let k = at - reach; k <= at + reach; k++) {
      if (values[k] !== null && values[k] !== undefined && stages[k] === stages[at]) near.push(values[k]);
    }
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
}

function samples(run) {
  if (!run.samples.length) return [];
  return [element('h3', {}, 'Samples along the way'), ...run.samples.map((item) => element('div', { class: 'card' },
    element('div', { class: 'head' }, `update ${item.step}`, element('span', {}, `reward ${number(item.reward)}`)),
    element('div', { class: 'text prompt mono' }, shown(item.prompt)),
    element('div', { class: 'text mono' }, shown(item.response))))];
}
