// Rows that are sorted and filtered as data; only those in sight are elements.
const ROW = 24;
const table = { kind: 'kernels', sort: 'time', down: true, text: '', device: '', rows: [] };

const rowKernel = (row) => (table.kind === 'kernels' ? row : OPS.kernel[row]);
const rowOp = (row) => (table.kind === 'kernels' ? KERNELS.root[row] : row);
const isRoot = (row) => table.kind === 'kernels' || (OPS.kernel[row] >= 0 && KERNELS.root[OPS.kernel[row]] === row);
const ofKernel = (give) => (row) => (isRoot(row) ? give(rowKernel(row)) : null);
const placedMoved = (kernel) => KERNELS.moved[kernel][Math.max(0, KERNELS.device[kernel])];

// Each name once, in their order, with how often it is there: 'MatMul Add x3'.
function counted(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) || 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} x${count}` : name)).join(' ');
}

function summed(column) {
  return (row) => {
    const ops = table.kind === 'kernels' ? KERNELS.members[row] : [row];
    return ops.reduce((sum, op) => (sum === null || OPS[column][op] === null ? null : sum + OPS[column][op]), 0);
  };
}

const blank = (show) => (value, row) => (value === null && !isRoot(row) ? '' : show(value));
// Name, title, value, text of it.
const COLUMNS = [
  ['id', 'id', (row) => rowOp(row), (_, row) => OPS.id[rowOp(row)], 'text'],
  ['name', 'name', (row) => OPS.name[rowOp(row)], null, 'text'],
  ['type', 'ops', (row) => (table.kind === 'kernels' ? counted(KERNELS.members[row].map((op) => TEXTS[OPS.type[op]])) : TEXTS[OPS.type[row]]), null, 'text'],
  ['module', 'module', (row) => TEXTS[OPS.module[rowOp(row)]], null, 'text'],
  ['device', 'place', (row) => (rowKernel(row) < 0 ? '' : deviceName(KERNELS.device[rowKernel(row)])), null, 'text'],
  ['bound', 'bound', ofKernel((kernel) => (KERNELS.device[kernel] < 0 ? '' : TEXTS[KERNELS.bound[kernel][KERNELS.device[kernel]]])), null, 'text'],
  ['time', 'time', ofKernel((kernel) => TIMES[kernel]), blank(seconds)],
  ['share', 'share', ofKernel((kernel) => (TIMES[kernel] === null ? null : TIMES[kernel] / TOTAL_TIME)), blank(percent)],
  ...DEVICES.map((device, side) => [SIDES[side], `on ${device.slug}`, ofKernel((kernel) => KERNELS.time[kernel][side]), blank(seconds)]),
  ['macs', 'MACs', summed('macs'), (value) => si(value)],
  ['flops', 'FLOPs', summed('flops'), (value) => si(value)],
  ['naive', 'naive', summed('naive'), (value) => si(value, 'B')],
  ['moved', 'moved', ofKernel(placedMoved), blank((value) => si(value, 'B'))],
  ['intensity', 'per byte', ofKernel((kernel) => intensityOn(kernel, Math.max(0, KERNELS.device[kernel]))), blank((value) => si(value))],
  ['runs', 'runs', (row) => OPS.runs[rowOp(row)], grouped],
  ['parameters', 'parameters', summed('parameters'), (value) => si(value)],
  ['status', 'status', (row) => TEXTS[OPS.status[rowOp(row)]], null, 'text'],
];

// What a row is searched by, made once.
const searched = { kernels: [], ops: [] };

function searchText(row) {
  const kept = searched[table.kind];
  if (kept[row] === undefined) {
    kept[row] = ['id', 'name', 'type', 'module', 'device', 'bound', 'status'].map((name) => {
      const [, , value, show] = COLUMNS.find((column) => column[0] === name);
      return name === 'id' ? show(null, row) : value(row) || '';
    }).join('\n').toLowerCase();
  }
  return kept[row];
}

function sortRows() {
  const value = COLUMNS.find((column) => column[0] === table.sort)[2];
  const sign = table.down ? -1 : 1;
  const words = table.text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = table.kind === 'kernels' ? KERNELS.root : OPS.id;
  const rows = [];
  for (let row = 0; row < all.length; row += 1) {
    const kernel = rowKernel(row);
    if (state.module && !(kernel >= 0 ? state.shown(kernel) : TEXTS[OPS.module[row]].startsWith(state.module))) continue;
    if (table.device !== '' && (kernel < 0 || KERNELS.device[kernel] !== Number(table.device))) continue;
    if (words.length && !words.every((word) => searchText(row).includes(word))) continue;
    rows.push(row);
  }
  const keys = new Map(rows.map((row) => [row, value(row)]));
  rows.sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    // What is unknown or has no value comes last, whatever the direction.
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    return (typeof x === 'string' ? (x < y ? -1 : x > y ? 1 : 0) : x - y) * sign || a - b;
  });
  table.rows = rows;
  byId('table-count').textContent = `${grouped(rows.length)} of ${grouped(all.length)}`;
}

// First row that is drawn, in steps so that scrolling a little draws nothing, and the one behind the last.
function inSight() {
  if (table.printing) return [0, Math.min(table.rows.length, 400)];
  const room = byId('table-rows');
  const first = Math.max(0, 10 * Math.floor(room.scrollTop / ROW / 10) - 10);
  return [first, Math.min(table.rows.length, first + Math.ceil(room.clientHeight / ROW) + 30)];
}

function drawRows() {
  const room = byId('table-rows');
  const [first, last] = inSight();
  table.drawn = [first, last].join();
  const spacer = (rows) => make('tr', { 'aria-hidden': 'true' }, make('td', { colspan: COLUMNS.length, height: rows * ROW }));
  const body = make('tbody');
  if (first) { const row = spacer(first); row.firstChild.style.height = `${first * ROW}px`; row.firstChild.style.padding = 0; body.append(row); }
  for (const row of table.rows.slice(first, last)) body.append(rowElement(row));
  if (last < table.rows.length) {
    const row = spacer(table.rows.length - last);
    row.firstChild.style.height = `${(table.rows.length - last) * ROW}px`;
    row.firstChild.style.padding = 0;
    body.append(row);
  }
  room.querySelector('tbody').replaceWith(body);
}

function rowElement(row) {
  const kernel = rowKernel(row);
  const chosen = kernel >= 0 && kernel === state.chosen;
  return make('tr', { class: `row${isRoot(row) ? '' : ' member'}${chosen ? ' chosen' : ''}`, 'data-kernel': kernel < 0 ? null : kernel, 'aria-selected': String(chosen) },
    ...COLUMNS.map(([name, , value, show, kind]) => {
      const found = value(row);
      const text = show ? show(found, row) : found || '';
      return make('td', { class: kind || null }, name === 'device' && kernel >= 0 ? swatch(sideOf(kernel)) : null, text);
    }));
}

function drawHead() {
  return make('thead', {}, make('tr', {}, ...COLUMNS.map(([name, title, , , kind]) => {
    const isSorted = table.sort === name;
    const arrow = isSorted ? (table.down ? ' ▼' : ' ▲') : '';
    return make('th', { scope: 'col', class: kind || null, 'aria-sort': isSorted ? (table.down ? 'descending' : 'ascending') : 'none' },
      make('button', { type: 'button', 'data-sort': name, onclick: () => sortBy(name, kind) }, title + arrow));
  })));
}

function sortBy(name, kind) {
  table.down = table.sort === name ? !table.down : kind !== 'text';
  table.sort = name;
  byId('table-rows').querySelector('thead').replaceWith(drawHead());
  byId('table-rows').querySelector(`[data-sort="${name}"]`).focus();
  refreshTable();
}

function refreshTable() {
  sortRows();
  byId('table-rows').scrollTop = 0;
  drawRows();
}

function revealChosen(kernel, from) {
  const place = table.rows.findIndex((row) => rowKernel(row) === kernel && isRoot(row));
  const room = byId('table-rows');
  if (place >= 0 && from !== 'table') room.scrollTop = Math.max(0, place * ROW - room.clientHeight / 2);
  else if (place >= 0) {
    const top = place * ROW;
    if (top < room.scrollTop) room.scrollTop = top;
    else if (top > room.scrollTop + room.clientHeight - 3 * ROW) room.scrollTop = top - room.clientHeight + 3 * ROW;
  }
  drawRows();
}

function startTable() {
  const search = make('input', { type: 'search', placeholder: 'name, op, module, bound …', 'aria-label': 'Filter', id: 'table-filter',
    oninput: () => { table.text = search.value; refreshTable(); } });
  const kind = make('select', { 'aria-label': 'Rows', id: 'table-kind', onchange: () => { table.kind = kind.value; refreshTable(); } },
    make('option', { value: 'kernels' }, 'kernels'), make('option', { value: 'ops' }, 'ops'));
  const device = make('select', { 'aria-label': 'Device', id: 'table-device', onchange: () => { table.device = device.value; refreshTable(); } },
    make('option', { value: '' }, 'every device'), ...DEVICES.map((one, side) => make('option', { value: side }, one.slug)),
    make('option', { value: -1 }, 'not placed'));
  const module = make('button', { type: 'button', id: 'table-module', hidden: true, onclick: () => showModule('') });
  byId('table-controls').append(search, kind, device, module, make('span', { class: 'note', id: 'table-count', 'aria-live': 'polite' }));
  byId('table-rows').append(make('table', {}, drawHead(), make('tbody')));
  byId('table-rows').addEventListener('scroll', () => { if (inSight().join() !== table.drawn) drawRows(); }, { passive: true });
  byId('table-rows').addEventListener('click', (event) => {
    const row = event.target.closest('tr[data-kernel]');
    if (row) choose(Number(row.getAttribute('data-kernel')), 'table');
  });
  walk(byId('table-rows'), () => table.rows.filter(isRoot).map(rowKernel), 'table');
  addEventListener('beforeprint', () => { table.printing = true; drawRows(); });
  addEventListener('afterprint', () => { table.printing = false; drawRows(); });
  onChoose(revealChosen);
  onFilter(() => {
    module.hidden = !state.module;
    module.textContent = `module ${state.module} ×`;
    refreshTable();
  });
  refreshTable();
}
