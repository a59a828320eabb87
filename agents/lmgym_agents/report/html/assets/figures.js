// Figures: drawn when they come into sight, in the page's colours, again when these change.

let FIGURES = null;
const figureData = () => (FIGURES ??= readBlock('figures') || {});
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const drawn = new Map();

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

function draw(place, figure) {
  const config = { displayModeBar: false, responsive: true };
  // A copy of the data, because Plotly writes into what it is given.
  return Plotly.react(place, JSON.parse(JSON.stringify(figure.data)), themed(figure), config);
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const figure = waiting.get(entry.target);
    if (!entry.isIntersecting || figure === undefined) continue;
    waiting.delete(entry.target);
    watcher.unobserve(entry.target);
    whenReady(() => {
      if (!entry.target.isConnected) return;
      drawn.set(entry.target, figure);
      draw(entry.target, figure);
    });
  }
}, { rootMargin: '300px' });
const waiting = new Map();

// Plotly stands behind this program in the file, so that the page can be read before it is there.
const whenReady = (work) => (window.Plotly ? work() : window.addEventListener('load', work, { once: true }));

function figurePlace(figure, description) {
  const place = element('div', { class: 'figure', role: 'img', 'aria-label': description });
  place.style.minHeight = `${figure.layout.height || 300}px`;
  waiting.set(place, figure);
  watcher.observe(place);
  return place;
}

function forgetFigures() {
  for (const place of drawn.keys()) window.Plotly?.purge(place);
  drawn.clear();
  waiting.clear();
  watcher.disconnect();
}

dark.addEventListener('change', () => {
  for (const [place, figure] of drawn) draw(place, figure);
  document.dispatchEvent(new Event('theme'));
});
window.addEventListener('beforeprint', () => {
  for (const [place, figure] of waiting) {
    if (window.Plotly) { drawn.set(place, figure); draw(place, figure); }
  }
  waiting.clear();
});
