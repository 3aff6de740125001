// Two models as one tree: a module, its op types, their ops, each with old, new and the change.
const MARKS = { added: '+ only new', removed: '− only old', changed: '~ changed', moved: '→ moved', same: '' };
const FIGURES = [['FLOPs', ''], ['naive', 'B'], ['time', 's']];
const tree = { changed: true, sort: 0, text: '', opened: new Set() };

const amount = (value, unit) => (unit === '%' ? percent(value) : si(value, unit));

function change(from, to, unit) {
  if (from === null || to === null) return from === to ? '' : '?';
  const delta = to - from;
  if (!delta) return '';
  // From tenfold on a factor reads better than percent, as in the text.
  const factor = from ? to / from : 0;
  const percents = () => `${delta > 0 ? '+' : '−'}${Number(((100 * Math.abs(delta)) / from).toPrecision(3))} %`;
  const relative = !from ? '' : ` (${factor >= 10 ? `${Number(factor.toPrecision(3))} x` : percents()})`;
  return `${delta > 0 ? '+' : '−'}${amount(Math.abs(delta), unit)}${unit === '%' ? '' : relative}`;
}

function tone(from, to) {
  if (from === null || to === null || from === to) return null;
  return to > from ? 'more' : 'less';
}

function drawTotals() {
  const agree = DATA.differences.length ? DATA.differences.map((text) => `not the same: ${text}`) : ['both under the same settings'];
  byId('conditions').replaceChildren(...agree.map((text) => make('li', { class: DATA.differences.length ? 'more' : null }, text)));
  byId('totals').replaceChildren(
    make('thead', {}, make('tr', {}, ...['total', 'old', 'new', 'change'].map((title) => make('th', { scope: 'col' }, title)))),
    make('tbody', {}, ...DATA.totals.map(([name, unit, from, to]) => make('tr', {}, make('td', {}, name), make('td', {}, amount(from, unit)), make('td', {}, amount(to, unit)), make('td', { class: tone(from, to) }, change(from, to, unit))))),
  );
}

// A node of the tree: sums of what is known on each side, and how many of its ops are of each kind.
function branch(name, path, level) {
  return { name, path, level, parts: new Map(), rows: [], old: [0, 0, 0], new: [0, 0, 0], unknown: 0, kinds: {}, sides: [0, 0] };
}

function count(node, row) {
  [row.old, row.new].forEach((figures, side) => {
    if (!figures) return;
    node.sides[side] += 1;
    figures.forEach((value, n) => {
      if (value === null) node.unknown += 1;
      else node[side ? 'new' : 'old'][n] += value;
    });
  });
  node.kinds[row.kind] = (node.kinds[row.kind] || 0) + 1;
}

function build() {
  // Its sums are of the rows below it.
  const root = branch(tree.text ? 'what is found' : tree.changed ? 'what differs' : 'both models', '', 0);
  const words = tree.text.toLowerCase().split(/\s+/).filter(Boolean);
  DATA.rows.forEach((row) => {
    if (tree.changed && row.kind === 'same') return;
    const text = `${row.label}\n${row.op_type}\n${row.module}\n${row.about}\n${MARKS[row.kind]}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) return;
    let here = root;
    count(here, row);
    for (const name of [...(row.module ? row.module.split('/') : []), `${row.op_type} `]) {
      if (!here.parts.has(name)) here.parts.set(name, branch(name.trim(), `${here.path}/${name}`, here.level + 1));
      here = here.parts.get(name);
      count(here, row);
    }
    here.rows.push(row);
  });
  return root;
}

function visibleRows(root) {
  const found = [];
  const size = (one) => Math.abs((one.new ? one.new[tree.sort] || 0 : 0) - (one.old ? one.old[tree.sort] || 0 : 0));
  const pending = [root];
  while (pending.length) {
    const node = pending.pop();
    found.push(node);
    if (node.parts === undefined || !tree.opened.has(node.path)) continue;
    const inside = [...node.parts.values(), ...node.rows.map((row, n) => ({ ...row, name: row.label, path: `${node.path}#${n}`, level: node.level + 1 }))];
    pending.push(...inside.sort((a, b) => size(b) - size(a)).reverse());
  }
  return found;
}

function kindsOf(node) {
  if (node.kind !== undefined) return MARKS[node.kind];
  if (!node.sides[0]) return MARKS.added;
  if (!node.sides[1]) return MARKS.removed;
  return Object.entries(node.kinds).filter(([kind]) => kind !== 'same').map(([kind, number]) => `${grouped(number)} ${kind}`).join(', ');
}

function drawTree() {
  const rows = visibleRows(build());
  const titles = ['module, op type, op', 'what', ...FIGURES.flatMap(([name]) => [`${name} old`, 'new', 'change'])];
  byId('tree').replaceChildren(
    make('thead', {}, make('tr', {}, ...titles.map((title) => make('th', { scope: 'col' }, title)))),
    make('tbody', { class: 'tree' }, ...rows.map((node) => {
      const isBranch = node.kind === undefined;
      const isOpen = tree.opened.has(node.path);
      const cell = make('td', {}, make('button', { type: 'button', class: isBranch ? 'name' : null, 'data-path': node.path, onclick: () => isBranch && toggle(node.path) }, `${isBranch ? (isOpen ? '▾ ' : '▸ ') : '· '}${node.name}`));
      cell.style.paddingLeft = `${0.3 + node.level}rem`;
      const figures = FIGURES.flatMap(([, unit], n) => {
        const [from, to] = [node.old ? node.old[n] : null, node.new ? node.new[n] : null];
        const mark = isBranch && node.unknown ? ' + ?' : '';
        return [make('td', {}, node.old ? si(from, unit) + mark : '–'), make('td', {}, node.new ? si(to, unit) + mark : '–'),
          make('td', { class: tone(from, to) }, node.old && node.new ? change(from, to, unit) : '')];
      });
      return make('tr', { class: `row ${isBranch ? '' : node.kind}`, role: 'row', 'aria-level': node.level + 1, 'aria-expanded': isBranch ? String(isOpen) : null },
        cell, make('td', { class: 'text', title: node.about || null }, [kindsOf(node), node.about].filter(Boolean).join(': ')), ...figures);
    })),
  );
}

function toggle(path) {
  if (tree.opened.has(path)) tree.opened.delete(path); else tree.opened.add(path);
  drawTree();
  focusOn(path);
}

function focusOn(path) {
  const found = [...byId('tree').querySelectorAll('[data-path]')].find((one) => one.getAttribute('data-path') === path);
  if (found) found.focus();
}

// Opens branches, the largest change first, until there is something to see.
function openFirst() {
  tree.opened = new Set(['']);
  for (let rows = visibleRows(build()); rows.length < 24; rows = visibleRows(build())) {
    const closed = rows.find((node) => node.kind === undefined && !tree.opened.has(node.path));
    if (!closed) return;
    tree.opened.add(closed.path);
  }
}

byId('tree').addEventListener('keydown', (event) => {
  const path = event.target.getAttribute('data-path');
  if (path === null) return;
  const rows = visibleRows(build());
  const place = rows.findIndex((node) => node.path === path);
  const isBranch = rows[place].kind === undefined;
  const isOpen = tree.opened.has(path);
  if (event.key === 'ArrowDown' && rows[place + 1]) focusOn(rows[place + 1].path);
  else if (event.key === 'ArrowUp' && place > 0) focusOn(rows[place - 1].path);
  else if (event.key === 'ArrowRight' && isBranch && !isOpen) toggle(path);
  else if (event.key === 'ArrowLeft' && isBranch && isOpen) toggle(path);
  else if (event.key === 'ArrowLeft') focusOn(rows.slice(0, place).reverse().find((node) => node.level < rows[place].level)?.path);
  else return;
  event.preventDefault();
});

const search = make('input', { type: 'search', id: 'tree-filter', placeholder: 'name, op, module …', 'aria-label': 'Filter', oninput: () => { tree.text = search.value; openFirst(); drawTree(); } });
const sort = make('select', { 'aria-label': 'Order', onchange: () => { tree.sort = Number(sort.value); drawTree(); } },
  ...FIGURES.map(([name], n) => make('option', { value: n }, `by change of ${name}`)));
byId('tree-controls').append(search, checkbox('only what differs', true, (isOn) => { tree.changed = isOn; openFirst(); drawTree(); }), sort);
drawTotals();
openFirst();
drawTree();
document.documentElement.dataset.ready = 'yes';
