// The graph, one view at a time: boxes and their places were laid out when the page was written.
const graph = { view: 0, colour: 'place' };
const BOX = { width: 168, height: 48 };
const MARGIN = 24;

function membersOf(runs) {
  const kernels = [];
  for (let n = 0; n < runs.length; n += 2) for (let kernel = runs[n]; kernel <= runs[n + 1]; kernel += 1) kernels.push(kernel);
  return kernels;
}

const contains = (runs, kernel) => runs.some((first, n) => n % 2 === 0 && first <= kernel && kernel <= runs[n + 1]);

function viewOf(kernel) {
  let found = 0;
  for (;;) {
    const box = DATA.views[found][4].find(([, , , runs]) => contains(runs, kernel));
    if (!box || box[2] < 0) return found;
    found = box[2];
  }
}

function boxSums(runs) {
  const sum = { gpu: 0, pim: 0, other: 0, time: 0, kernels: 0, untimed: 0 };
  for (const kernel of membersOf(runs)) {
    sum[sideOf(kernel)] += TIMES[kernel] || 0;
    sum.time += TIMES[kernel] || 0;
    sum.kernels += 1;
    sum.untimed += TIMES[kernel] === null ? 1 : 0;
  }
  return { ...sum, text: partial(sum.time, 's', sum.untimed), share: sum.untimed && !sum.time ? null : sum.time / (TOTAL_TIME || 1) };
}

function drawGraph() {
  const [path, parent, width, height, boxes, edges] = DATA.views[graph.view];
  const whole = { width: width + 2 * MARGIN, height: height + 2 * MARGIN };
  const picture = draw('svg', { width: whole.width, height: whole.height, viewBox: `${-MARGIN} ${-MARGIN} ${whole.width} ${whole.height}`, role: 'group', 'aria-label': `Graph of ${path || 'the whole model'}` });
  picture.append(draw('defs', {}, draw('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 8, refY: 4, markerUnits: 'userSpaceOnUse', markerWidth: 8, markerHeight: 8, orient: 'auto' }, draw('path', { d: 'M0 0L8 4L0 8z', class: 'arrow' }))));
  const most = Math.max(1e-30, ...boxes.map((box) => boxSums(box[3]).time));
  const largest = Math.max(1, ...edges.map((edge) => edge[2]));
  for (const [from, to, size] of edges) if (from >= 0 && to >= 0) picture.append(edgeOf(boxes[from], boxes[to], size, largest));
  boxes.forEach((box, place) => picture.append(boxOf(box, place, edges, most)));
  const trail = [];
  for (let view = graph.view; view >= 0; view = DATA.views[view][1]) {
    const target = view;
    const outer = DATA.views[DATA.views[view][1]];
    const box = outer && outer[4].find(([, , inner]) => inner === view);
    const name = (box && box[4].split('/').pop()) || DATA.views[view][0].split('/').pop() || 'the whole model';
    trail.unshift(make('button', { type: 'button', 'data-view': target, disabled: target === graph.view, onclick: () => showView(target) }, name));
  }
  const colour = make('select', { 'aria-label': 'Colour', id: 'graph-colour', onchange: () => { graph.colour = colour.value; drawGraph(); } },
    ...[['place', 'coloured by place'], ['cost', 'coloured by time']].map(([value, text]) => make('option', { value, selected: graph.colour === value }, text)));
  byId('graph-controls').replaceChildren(...trail, colour, make('span', { class: 'note' }, `${boxes.length} boxes${parent >= 0 ? '; Backspace goes out' : ''}`));
  byId('graph-chart').replaceChildren(picture);
}

function edgeOf(from, to, size, largest) {
  const [x1, y1] = [from[0] + BOX.width / 2, from[1] + BOX.height];
  const [x2, y2] = [to[0] + BOX.width / 2, to[1]];
  const isDown = y2 > y1;
  const bend = Math.max(18, Math.abs(y2 - y1) / 2);
  const line = isDown
    ? `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`
    : `M${from[0] + BOX.width} ${from[1] + BOX.height / 2}C${from[0] + BOX.width + 40} ${from[1] + BOX.height / 2} ${to[0] - 40} ${to[1] + BOX.height / 2} ${to[0]} ${to[1] + BOX.height / 2}`;
  const edge = draw('path', { d: line, class: 'edge', 'stroke-width': (1 + 2.5 * Math.sqrt(size / largest)).toFixed(1), 'marker-end': 'url(#arrow)' });
  edge.append(draw('title', {}, size === null ? 'of unknown size' : `${si(size, 'B')} a run`));
  return edge;
}

function cut(text, letters) { return text.length > letters ? `${text.slice(0, letters - 1)}…` : text; }

function boxOf([x, y, inner, runs, name], place, edges, most) {
  const kernels = membersOf(runs);
  const single = kernels.length === 1 ? kernels[0] : -1;
  const sum = boxSums(runs);
  const isChosen = state.chosen >= 0 && contains(runs, state.chosen);
  const shown = kernels.some(state.shown);
  const title = single >= 0 ? TEXTS[OPS.type[KERNELS.root[single]]] + (KERNELS.members[single].length > 1 ? ` +${KERNELS.members[single].length - 1}` : '') : name;
  const group = draw('g', {
    transform: `translate(${x} ${y})`, class: shown ? null : 'dim', tabindex: 0, role: 'button', 'data-place': place, 'data-kernel': single >= 0 ? single : null,
    'aria-label': `${title}, ${kernels.length} kernels, ${sum.text}`,
    onclick: () => (inner >= 0 ? showView(inner) : single >= 0 && choose(single, 'graph')),
    onkeydown: (event) => {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); if (inner >= 0) showView(inner, true); else if (single >= 0) choose(single, 'graph'); }
    },
  });
  group.append(draw('rect', { width: BOX.width, height: BOX.height, rx: 6, class: `box${inner >= 0 ? ' inner' : ''}${isChosen ? ' chosen' : ''}` }));
  if (graph.colour === 'cost') {
    group.append(draw('rect', { width: BOX.width, height: BOX.height, rx: 6, class: 'pim', stroke: 'none', 'fill-opacity': (0.6 * sum.time / most).toFixed(3), 'pointer-events': 'none' }));
  } else {
    let left = 4;
    for (const side of ['gpu', 'pim', 'other']) {
      const length = sum.time ? ((BOX.width - 8) * sum[side]) / sum.time : side === sideOf(kernels[0]) ? BOX.width - 8 : 0;
      if (length > 0) group.append(draw('rect', { x: left.toFixed(1), y: BOX.height - 9, width: length.toFixed(1), height: 5, class: side, stroke: 'none' }));
      left += length;
    }
  }
  const outside = [edges.some((edge) => edge[0] < 0 && edge[1] === place), edges.some((edge) => edge[1] < 0 && edge[0] === place)];
  if (outside[0]) group.append(draw('path', { d: `M${BOX.width / 2 - 5} -8h10l-5 6z`, class: 'arrow' }));
  if (outside[1]) group.append(draw('path', { d: `M${BOX.width / 2 - 5} ${BOX.height + 2}h10l-5 6z`, class: 'arrow' }));
  group.append(draw('text', { x: 8, y: 17 }, cut((inner >= 0 ? '▸ ' : '') + title, 25)),
    draw('text', { x: 8, y: 32, class: 'soft' }, cut(`${sum.text}, ${percent(sum.share)}${single < 0 ? `, ${kernels.length} ker.` : ''}`, 29)));
  if (single < 0) group.append(draw('title', {}, name));
  return group;
}

function showView(view, keepsFocus = false) {
  graph.view = view;
  drawGraph();
  byId('graph-chart').scrollTo(0, 0);
  const first = byId('graph-chart').querySelector('[data-place]');
  if (keepsFocus && first) first.focus();
}

function revealBox() {
  const chosen = byId('graph-chart').querySelector('.box.chosen');
  if (!chosen) return;
  const room = byId('graph-chart');
  const [outer, inner] = [room.getBoundingClientRect(), chosen.getBoundingClientRect()];
  room.scrollBy(inner.left - outer.left - outer.width / 2 + inner.width / 2, inner.top - outer.top - outer.height / 2 + inner.height / 2);
}

function startGraph() {
  listen(byId('graph-chart'), 'graph');
  byId('graph-chart').addEventListener('keydown', (event) => {
    if (event.key === 'Backspace' && DATA.views[graph.view][1] >= 0) { event.preventDefault(); showView(DATA.views[graph.view][1], true); }
  });
  onChoose((kernel, from) => {
    if (kernel >= 0 && from !== 'graph') graph.view = viewOf(kernel);
    drawGraph();
    if (from !== 'graph') revealBox();
  });
  onFilter(() => {
    const view = DATA.views.findIndex(([path]) => state.module && path === state.module);
    if (view >= 0) graph.view = view;
    drawGraph();
  });
  graph.view = firstView();
  drawGraph();
}

// The view in which something is to be seen: inside the box that has almost all of the time.
function firstView() {
  for (let view = 0; ;) {
    const boxes = DATA.views[view][4];
    const main = boxes.find(([, , inner, runs]) => inner >= 0 && boxSums(runs).time > 0.8 * TOTAL_TIME);
    if (!main || boxes.length > 4) return view;
    view = main[2];
  }
}
