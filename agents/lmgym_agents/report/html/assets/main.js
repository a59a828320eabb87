// Which part is shown: the one that the address names behind its #.

const trees = (chosen) => {
  const parts = [heading('Search trees')];
  if (!DATA.trees) return [...parts, empty('There are no pictures of search trees here.', 'lmgym search --model RUN/model --method mcts --draw 0 --out DIR/search')];
  const names = DATA.tree_names;
  const at = Math.min(Math.max(Number(chosen) || 0, 0), names.length - 1);
  const tree = readBlock(`tree-${at}`);
  return [...parts, element('div', { class: 'controls' }, choice('tree', names.map((name, place) => [place, name]), at,
    (value) => { location.hash = `#trees/${value}`; })),
    element('img', { class: 'tree', src: tree.uri, alt: `search tree ${plainShown(tree.name)}` })];
};

const PARTS = { overview: ['Overview', overview], environments: ['Environments', environments], runs: ['Runs', runs],
  transcripts: ['Transcripts', transcripts], compare: ['Compare', compare], trees: ['Search trees', trees] };

function firstPart() {
  if (DATA.bench.length || DATA.runs.length || !INDEX.length) return 'overview';
  return 'transcripts';
}

function show() {
  const [name, argument] = location.hash.slice(1).split('/');
  const part = PARTS[name] ? name : firstPart();
  forgetFigures();
  document.getElementById('content').replaceChildren(...PARTS[part][1](argument).filter((node) => node !== null));
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.part === part) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.body.dataset.part = part;
  document.body.dataset.state = 'ready';
}

document.getElementById('nav').append(...Object.entries(PARTS).map(([name, [title]]) =>
  element('a', { href: `#${name}`, 'data-part': name }, title)));
window.addEventListener('hashchange', () => {
  if (location.hash === '#content') { document.getElementById('content').focus(); return; }
  show();
  window.scrollTo(0, 0);
});
show();
performance.mark('ready');
