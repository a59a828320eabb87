// Figures: drawn when they come into sight, in the page's colours, again when these change.

let FIGURES = null;
const figureData = () => (FIGURES ??= readBlock('figures') || {});
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const waiting = new Map(); // by place: the figure that is drawn once it comes into sight
const drawn = new Map(); // by place: its figure, and the promise of the last drawing

function themed(figure) {
  const style = getComputedStyle(document.documentElement);
  const [ink, line, card] = ['--ink', '--line', '--card'].map((name) => style.getPropertyValue(name).trim());
  const layout = JSON.parse(JSON.stringify(figure.layout));
  Object.assign(layout, {
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', autosize: true,
    font: { family: 'system-ui, sans-serif', size: 12, color: ink },
    hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink }, namelength: 60 },
  });
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis/.test(name)) Object.assign(layout[name], { gridcolor: line, linecolor: line, zerolinecolor: line });
  }
  return layout;
}

// Draws, after what is being drawn there: Plotly takes several turns, and must not be disturbed between them.
function draw(place, figure) {
  const before = drawn.get(place)?.done || Promise.resolve();
  const config = { displayModeBar: false, responsive: true };
  // A copy of the data, because Plotly writes into what it is given.
  const work = () => place.isConnected && Plotly.react(place, JSON.parse(JSON.stringify(figure.data)), themed(figure), config);
  drawn.set(place, { figure, done: before.then(work) });
}

function begin(place) {
  const figure = waiting.get(place);
  waiting.delete(place);
  watcher.unobserve(place);
  whenReady(() => { if (figure !== undefined && place.isConnected) draw(place, figure); });
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) begin(entry.target);
}, { rootMargin: '300px' });

// Plotly stands behind this program in the file, so that the page can be read before it is there.
const whenReady = (work) => (window.Plotly ? work() : window.addEventListener('load', work, { once: true }));

function figurePlace(figure, description) {
  for (const place of drawn.keys()) if (!place.isConnected) forget(place);
  const place = element('div', { class: 'figure', role: 'img', 'aria-label': description });
  place.style.minHeight = `${figure.layout.height || 300}px`;
  waiting.set(place, figure);
  watcher.observe(place);
  return place;
}

// Lets go of a figure; one that is still being drawn is taken down when that is done.
function forget(place) {
  drawn.get(place).done.then(() => Plotly.purge(place));
  drawn.delete(place);
}

function forgetFigures() {
  for (const place of [...drawn.keys()]) forget(place);
  waiting.clear();
  watcher.disconnect();
}

dark.addEventListener('change', () => {
  for (const [place, { figure }] of drawn) draw(place, figure);
  document.dispatchEvent(new Event('theme'));
});
window.addEventListener('beforeprint', () => {
  for (const place of [...waiting.keys()]) begin(place);
});
