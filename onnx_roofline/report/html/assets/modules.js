// The module tree: every module with what it and all inside it do.
const ZERO = () => ({ ops: 0, macs: 0, flops: 0, bytes: 0, time: 0, pim: 0, uncounted: 0, unsized: 0, untimed: 0 });

function buildTree() {
  const root = { name: 'the whole model', path: '', parts: new Map(), sum: ZERO(), depth: 0 };
  OPS.id.forEach((_, op) => {
    if (TEXTS[OPS.role[op]] !== 'compute') return;
    const kernel = OPS.kernel[op];
    const time = kernel >= 0 && KERNELS.root[kernel] === op ? TIMES[kernel] : 0;
    const runs = OPS.runs[op];
    let here = root;
    const path = TEXTS[OPS.module[op]];
    const names = path ? path.split('/') : [];
    for (let level = -1; level < names.length; level += 1) {
      if (level >= 0) {
        const name = names[level];
        if (!here.parts.has(name)) {
          here.parts.set(name, { name, path: names.slice(0, level + 1).join('/'), parts: new Map(), sum: ZERO(), depth: level + 1 });
        }
        here = here.parts.get(name);
      }
      const { sum } = here;
      sum.ops += 1;
      sum.macs += (OPS.macs[op] || 0) * runs;
      sum.flops += (OPS.flops[op] || 0) * runs;
      sum.bytes += (OPS.naive[op] || 0) * runs;
      sum.time += time || 0;
      if (kernel >= 0 && KERNELS.device[kernel] === 1) sum.pim += time || 0;
      sum.uncounted += OPS.macs[op] === null ? 1 : 0;
      sum.unsized += OPS.naive[op] === null ? 1 : 0;
      sum.untimed += time === null ? 1 : 0;
    }
  });
  return root;
}

const TREE = buildTree();
const opened = new Set(['']);

function treeRows() {
  const rows = [];
  const pending = [TREE];
  while (pending.length) {
    const node = pending.pop();
    rows.push(node);
    if (opened.has(node.path)) {
      const parts = [...node.parts.values()].sort((a, b) => b.sum.time - a.sum.time || b.sum.flops - a.sum.flops);
      pending.push(...parts.reverse());
    }
  }
  return rows;
}

function drawTree() {
  const titles = ['module', 'ops', 'MACs', 'FLOPs', 'naive', 'time', 'share', ...(IS_PAIR ? ['on the PIM'] : [])];
  byId('module-tree').replaceChildren(
    make('thead', {}, make('tr', {}, ...titles.map((title) => make('th', { scope: 'col' }, title)))),
    make('tbody', { class: 'tree' }, ...treeRows().map((node) => {
      const { sum } = node;
      const isOpen = opened.has(node.path);
      const toggle = node.parts.size
        ? make('button', { type: 'button', 'data-toggle': node.path, 'aria-label': isOpen ? 'Close' : 'Open', tabindex: -1, onclick: () => toggleModule(node.path) }, isOpen ? '▾' : '▸')
        : make('span', {}, ' · ');
      const name = make('button', { type: 'button', class: 'name', 'data-module': node.path, title: node.path, onclick: () => showModule(state.module === node.path ? '' : node.path) }, node.name);
      const cell = make('td', {}, toggle, name);
      cell.style.paddingLeft = `${0.3 + node.depth * 1}rem`;
      const share = TOTAL_TIME ? sum.time / TOTAL_TIME : 0;
      return make('tr', {
        class: `row${node.path && state.module === node.path ? ' chosen' : ''}`, role: 'row', 'aria-level': node.depth + 1, 'aria-expanded': node.parts.size ? String(isOpen) : null,
      }, cell, ...[grouped(sum.ops), partial(sum.macs, '', sum.uncounted), partial(sum.flops, '', sum.uncounted), partial(sum.bytes, 'B', sum.unsized), partial(sum.time, 's', sum.untimed)].map((text) => make('td', {}, text)),
        make('td', {}, `${sum.untimed && !sum.time ? '?' : percent(share)} `, shareBar(TOTAL_TIME ? (sum.time - sum.pim) / TOTAL_TIME : 0, TOTAL_TIME ? sum.pim / TOTAL_TIME : 0)),
        IS_PAIR ? make('td', {}, sum.time ? percent(sum.pim / sum.time) : '–') : null);
    })),
  );
}

function toggleModule(path) {
  if (opened.has(path)) opened.delete(path); else opened.add(path);
  drawTree();
  focusModule(path);
}

function focusModule(path) {
  const found = [...byId('module-tree').querySelectorAll('[data-module]')].find((one) => one.getAttribute('data-module') === path);
  if (found) found.focus();
}

// Opens the largest modules until there is something to see.
function openFirst() {
  for (let rows = treeRows(); rows.length < 12; rows = treeRows()) {
    const closed = rows.filter((node) => node.parts.size && !opened.has(node.path));
    if (!closed.length) return;
    opened.add(closed.reduce((a, b) => (b.sum.time > a.sum.time ? b : a)).path);
  }
}

function startModules() {
  byId('module-tree').addEventListener('keydown', (event) => {
    const path = event.target.getAttribute('data-module');
    if (path === null) return;
    const rows = treeRows();
    const place = rows.findIndex((node) => node.path === path);
    const node = rows[place];
    const isOpen = opened.has(path);
    if (event.key === 'ArrowDown' && rows[place + 1]) focusModule(rows[place + 1].path);
    else if (event.key === 'ArrowUp' && place > 0) focusModule(rows[place - 1].path);
    else if (event.key === 'ArrowRight' && node.parts.size && !isOpen) toggleModule(path);
    else if (event.key === 'ArrowLeft' && isOpen) toggleModule(path);
    else if (event.key === 'ArrowLeft' && path) focusModule(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '');
    else return;
    event.preventDefault();
  });
  openFirst();
  onFilter(drawTree);
  drawTree();
}
