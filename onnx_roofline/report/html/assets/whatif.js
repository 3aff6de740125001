// What if a dim had another size: the points of a sweep, computed before, under a slider.
const SWEEP = DATA.sweep;
const whatIf = { point: 0 };
// Optimum thick, the two devices in their colours, the others told apart by their dashes.
const CURVES = { 'all GPU': 'gpu', 'all PIM': 'pim', optimum: 'best', greedy: 'dashed', 'roofline pick': 'dotted' };

// Round times between two: powers of ten, and steps between them where there are few.
function niceTimes(low, high) {
  const steps = high / low > 100 ? [1] : high / low > 8 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    found.push(...steps.map((step) => step * 10 ** power).filter((time) => low <= time && time <= high));
  }
  return found;
}

function drawWhatIf() {
  const chart = byId('whatif-chart');
  const width = Math.max(300, chart.clientWidth);
  const height = 260;
  const area = { left: 64, right: width - 96, top: 12, bottom: height - 34 };
  const times = SWEEP.seconds.flatMap(([, column]) => column).filter((time) => time > 0);
  const [low, high] = [Math.min(...times) / 1.3, Math.max(...times) * 1.3];
  const [first, last] = [SWEEP.values[0], SWEEP.values[SWEEP.values.length - 1]];
  const px = (value) => area.left + (last > first ? Math.log(value / first) / Math.log(last / first) : 0.5) * (area.right - area.left);
  const py = (time) => area.bottom - (Math.log(time / low) / Math.log(high / low)) * (area.bottom - area.top);
  const picture = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Time of each placement over ${SWEEP.dim}` });
  for (const time of niceTimes(low, high)) {
    picture.append(draw('line', { x1: area.left, x2: area.right, y1: py(time), y2: py(time), class: 'grid' }), draw('text', { x: area.left - 6, y: py(time) + 4, 'text-anchor': 'end', class: 'soft' }, seconds(time)));
  }
  SWEEP.values.forEach((value, point) => picture.append(draw('text', { x: px(value), y: area.bottom + 16, 'text-anchor': 'middle', class: 'soft' }, SWEEP.values.length < 16 || point % 2 === 0 ? si(value) : '')));
  const here = SWEEP.values[whatIf.point];
  picture.append(draw('line', { x1: px(here), x2: px(here), y1: area.top, y2: area.bottom, class: 'tie' }), draw('text', { x: (area.left + area.right) / 2, y: height - 4, 'text-anchor': 'middle' }, SWEEP.dim));
  const taken = [];
  for (const [name, column] of SWEEP.seconds) {
    const points = column.map((time, point) => (time > 0 ? `${px(SWEEP.values[point]).toFixed(1)},${py(time).toFixed(1)}` : '')).filter(Boolean);
    const end = column[column.length - 1];
    picture.append(draw('polyline', { points: points.join(' '), class: `line curve ${CURVES[name] || 'dashed'}` }));
    if (end > 0) picture.append(draw('text', { x: area.right + 6, y: labelHeight(py(end) + 5, taken) + 4 }, name));
  }
  chart.replaceChildren(picture);
  drawPoint();
}

// The placements at the point that the slider is at, and where each kernel runs there, in the order of the file.
function drawPoint() {
  const value = SWEEP.values[whatIf.point];
  const devices = SWEEP.devices[whatIf.point];
  const fastest = Math.min(...SWEEP.seconds.map(([, column]) => column[whatIf.point] ?? Infinity));
  byId('whatif-value').textContent = `${SWEEP.dim} = ${grouped(value)}`;
  byId('whatif-table').replaceChildren(
    make('thead', {}, make('tr', {}, ...['placement', 'time', 'to the best'].map((title) => make('th', { scope: 'col' }, title)))),
    make('tbody', {}, ...SWEEP.seconds.map(([name, column]) => {
      const time = column[whatIf.point];
      return make('tr', {}, make('td', {}, name), make('td', {}, `${seconds(time)}${SWEEP.untimed[whatIf.point] ? ' + ?' : ''}`), make('td', {}, time === null ? '?' : `${Number((time / fastest).toPrecision(3))} x`));
    })),
  );
  const strip = byId('whatif-strip');
  const width = Math.max(280, strip.clientWidth);
  const picture = draw('svg', { width, height: 22, viewBox: `0 0 ${width} 22`, role: 'img', 'aria-label': `${SWEEP.onPim[whatIf.point]} of ${devices.length} kernels on the PIM` });
  for (let start = 0; start < devices.length;) {
    let end = start + 1;
    while (end < devices.length && devices[end] === devices[start]) end += 1;
    const side = SIDES[Number(devices[start])] || 'other';
    picture.append(draw('rect', { x: ((width * start) / devices.length).toFixed(2), y: side === 'pim' ? 0 : 6, width: Math.max(0.5, (width * (end - start)) / devices.length).toFixed(2), height: side === 'pim' ? 22 : 10, class: `span ${side}`, 'data-kernel': start }));
    start = end;
  }
  strip.replaceChildren(picture);
  byId('whatif-note').textContent = `${grouped(SWEEP.onPim[whatIf.point])} of ${grouped(devices.length)} kernels on the PIM, in the order of the file.`;
}

function startWhatIf() {
  if (!SWEEP) return;
  byId('whatif').hidden = false;
  byId('whatif-link').hidden = false;
  const slider = make('input', { type: 'range', id: 'whatif-slider', min: 0, max: SWEEP.values.length - 1, value: 0, 'aria-label': SWEEP.dim,
    oninput: () => { whatIf.point = Number(slider.value); slider.setAttribute('aria-valuetext', String(SWEEP.values[whatIf.point])); drawWhatIf(); } });
  byId('whatif-controls').append(slider, make('b', { id: 'whatif-value', 'aria-live': 'polite' }));
  byId('whatif-flips').replaceChildren(...SWEEP.flips.map(([label, count, kernel, steps]) => make('li', {},
    make('button', { type: 'button', disabled: kernel < 0, onclick: () => choose(kernel, 'whatif') }, `${grouped(count)} x ${label}`), ` ${steps}`)));
  if (!SWEEP.flips.length) byId('whatif-flips').replaceChildren(make('li', {}, `no kernel changes its device over ${SWEEP.dim}`));
  listen(byId('whatif-strip'), 'whatif');
  drawWhatIf();
}
