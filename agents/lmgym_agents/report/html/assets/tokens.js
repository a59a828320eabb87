// One transcript as a heat map: colours, legend, the exact numbers of the token that is pointed at.

const INDEX = DATA.index.map(([source, problem, success, num_tokens, surprise, reward, why], at) =>
  ({ at, source, problem, success, num_tokens, surprise, reward, why }));
const CHUNK = DATA.chunk;
const chunks = new Map();

function transcript(at) {
  const number = Math.floor(at / CHUNK);
  if (!chunks.has(number)) chunks.set(number, readBlock(`transcripts-${number}`));
  return chunks.get(number)[at % CHUNK];
}

const QUANTITIES = {
  logp: ['log-prob', 'nats; stronger: the token was less likely'],
  entropy: ['entropy', 'nats; stronger: the model was less sure'],
  value: ['value', 'what the episode is expected to pay'],
  q: ['Q', 'what the action is expected to bring'],
  advantage: ['advantage', 'blue: better than expected, orange: worse'],
  reward: ['reward', 'what was paid at the token'],
  kl: ['KL to the reference', 'nats, log-prob less the reference’s; blue: more likely than there, orange: less'],
};
const quantityName = (name) => (QUANTITIES[name] ? QUANTITIES[name][0] : plainShown(name));

// Blue and orange can be told apart by all eyes; on a dark ground they have to be lighter to be seen.
const HUES = { light: [[0, 114, 178], [213, 94, 0]], dark: [[86, 180, 233], [240, 140, 50]] };
let ground = null;

function groundColour() {
  if (ground === null) {
    const hex = getComputedStyle(document.documentElement).getPropertyValue('--card').trim();
    ground = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  }
  return ground;
}
document.addEventListener('theme', () => { ground = null; show(); });

// How numbers become colours: around 0 where there are both signs, else from the end that is ordinary.
function scaleOf(name) {
  const [low, high] = DATA.transcripts.ranges[name] || [0, 0];
  if (name === 'logp') return { low, high: 0, share: (x) => (low < 0 ? Math.min(0, x) / low : 0) };
  if (name === 'entropy') return { low: 0, high, share: (x) => (high > 0 ? x / high : 0) };
  if (low < 0 || ['advantage', 'reward', 'kl'].includes(name) || name.startsWith('term: ')) {
    const most = Math.max(Math.abs(low), Math.abs(high));
    return { low: -most, high: most, share: (x) => (most > 0 ? x / most : 0) };
  }
  return { low, high, share: (x) => (high > low ? (x - low) / (high - low) : 0.5) };
}

// Returns ground and ink of a share in [-1, 1]; the ink is the one that can be read better.
function colours(share) {
  const strength = Math.min(1, Math.abs(share)) ** 0.6 * 0.92; // small differences are to be seen, too
  const hue = HUES[dark.matches ? 'dark' : 'light'][share < 0 ? 1 : 0];
  const mixed = groundColour().map((from, k) => Math.round(from + (hue[k] - from) * strength));
  const linear = mixed.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return [`rgb(${mixed.join(',')})`, light > 0.179 ? '#000000' : '#ffffff'];
}

function legendOf(name) {
  const scale = scaleOf(name);
  const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
  const stops = Array.from({ length: 11 }, (_, k) => colours(scale.share(scale.low + (k / 10) * (scale.high - scale.low)))[0]);
  bar.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
  return element('div', { class: 'legend' }, element('b', {}, quantityName(name)), number(scale.low, 3), bar,
    number(scale.high, 3), element('span', { class: 'faint' }, QUANTITIES[name] ? QUANTITIES[name][1] : 'paid by this term',
      '; beyond the ends the colour stays.'));
}

// A file of a benchmark's job is known by its agent.
function sourceName(source) {
  const found = /(?:^|\/)jobs\/([^/]+)\/([^/]+)\/seed(\d+)\/([^/]+)$/.exec(source.name);
  return found ? `${found[2]}, ${found[4]} · ${found[1]}, seed ${found[3]}` : source.name;
}

function outcome(success) {
  if (success === null) return element('span', { class: 'badge' }, '! failed');
  return success ? element('span', { class: 'badge good' }, '✓ right') : element('span', { class: 'badge bad' }, '✗ wrong');
}

// The card of a transcript; `name` is the quantity of its colours, `parting` the first token that is another
// in the transcript beside it.
function card(item, name, parting = -1) {
  const source = DATA.transcripts.sources[item.source];
  const episode = transcript(item.at);
  const head = element('div', { class: 'head' }, outcome(item.success), element('span', {}, shown(sourceName(source))),
    element('span', { class: 'faint' }, shown(`${environmentName(source.env)}, ${source.split}, problem ${item.problem}`)),
    element('span', { class: 'faint' }, `${count(item.num_tokens)} tokens · reward ${number(item.reward)} · surprise ${number(item.surprise, 3)}`),
    item.why === 'all' ? null : element('span', { class: 'faint' }, `chosen as: ${item.why}`),
    episode.terminated ? null : element('span', { class: 'bad' }, 'cut off'));
  const readout = element('div', { class: 'readout', 'aria-live': 'polite' });
  return element('article', { class: 'card', 'aria-label': `transcript of problem ${item.problem}` }, head,
    element('div', { class: 'text prompt mono' }, shown(episode.prompt)), heatMap(item, episode, name, readout, parting), readout,
    termSteps(episode, name));
}

function heatMap(item, episode, name, readout, parting) {
  const scale = scaleOf(name);
  const column = episode.of[name];
  const spans = episode.tokens.map((text, at) => {
    const acts = episode.acts[at] === '1';
    const span = element('span', { class: `token${acts ? '' : ' other'}${at === parting ? ' parting' : ''}`, 'data-at': at }, tokenNodes(text));
    const value = column ? column[at] : null;
    if (value !== null && (acts || value !== 0)) [span.style.background, span.style.color] = colours(scale.share(value));
    return span;
  });
  const gap = item.num_tokens - spans.length;
  if (gap > 0) spans.splice(Math.ceil(spans.length / 2), 0, element('span', { class: 'mark' }, ` … ${count(gap)} tokens … `));
  const box = element('div', { class: 'tokens text mono', tabindex: '0', role: 'application',
    'aria-label': `${episode.tokens.length} tokens coloured by ${quantityName(name)}; arrow keys go from token to token` }, spans);
  follow(box, episode, readout);
  return box;
}

// A newline is seen and breaks the line as well.
function tokenNodes(text) {
  return text.split('\n').flatMap((line, at) => (at ? [element('span', { class: 'mark' }, '⏎'), '\n', ...shown(line)] : shown(line)));
}

function follow(box, episode, readout) {
  let here = -1;
  const go = (at) => {
    box.querySelector('.here')?.classList.remove('here');
    here = Math.min(Math.max(at, 0), episode.tokens.length - 1);
    const span = box.querySelector(`[data-at="${here}"]`);
    if (!span) return;
    span.classList.add('here');
    readout.replaceChildren(...numbersOf(episode, here));
  };
  const target = (event) => event.target.closest?.('[data-at]');
  box.addEventListener('pointerover', (event) => { if (target(event)) go(Number(target(event).dataset.at)); });
  box.addEventListener('pointerdown', (event) => { if (target(event)) go(Number(target(event).dataset.at)); });
  box.addEventListener('focus', () => { if (here < 0) go(0); });
  box.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(here + step);
    box.querySelector('.here')?.scrollIntoView({ block: 'nearest' });
  });
}

function numbersOf(episode, at) {
  const nodes = [element('span', {}, `token ${at + 1} of ${episode.tokens.length}: `,
    element('b', { class: 'mono' }, tokenText(episode.tokens[at])), episode.acts[at] === '1' ? '' : ' (the environment’s)')];
  for (const [name, column] of Object.entries(episode.of)) {
    const label = name === 'advantage' && episode.advantage ? `advantage (${plainShown(episode.advantage)})` : quantityName(name);
    if (column[at] !== null) nodes.push(element('span', {}, `${label} `, element('b', {}, number(column[at]))));
  }
  return nodes;
}
const tokenText = (text) => shown(text.replaceAll('\n', '⏎').replaceAll(' ', '␣'));

// The reward's terms summed over each line of the response.
function termSteps(episode, name) {
  const terms = Object.keys(episode.of).filter((key) => key.startsWith('term: '));
  if (!terms.length) return null;
  const steps = [];
  let step = { text: '', sums: terms.map(() => 0) };
  episode.tokens.forEach((text, at) => {
    step.text += text;
    terms.forEach((term, k) => { step.sums[k] += episode.of[term][at] || 0; });
    if (text.includes('\n')) { steps.push(step); step = { text: '', sums: terms.map(() => 0) }; }
  });
  if (step.text) steps.push(step);
  if (steps.every((item) => item.sums.every((sum) => sum === 0))) return null;
  const rows = steps.slice(0, 200).map((item, at) => [String(at + 1),
    element('span', { class: 'text mono' }, shown(item.text.trimEnd().slice(0, 300) || '(blank)')), ...item.sums.map((sum) => number(sum))]);
  const total = terms.map((_, k) => number(steps.reduce((sum, item) => sum + item.sums[k], 0)));
  rows.push(['', element('b', {}, 'sum'), ...total]);
  const isOpen = name === 'reward' || name.startsWith('term: ');
  return element('details', { open: isOpen }, element('summary', { class: 'small' }, 'Reward by step and term'),
    table([['step', 'number'], ['text', 'name'], ...terms.map((term) => [plainShown(term.slice(6)), 'number'])], rows, 'reward terms'));
}
