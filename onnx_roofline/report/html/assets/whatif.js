// What if a dim, a system or a figure were another: the points of a sweep, computed before, under a slider an axis.
const SWEEP = DATA.sweep;
const whatIf = { at: [] };
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

// The point that the sliders are at; with a place for one axis, another point on the line along it.
function pointAt(axis, place) {
  return SWEEP.axes.reduce((point, [, values], index) => point * values.length + (index === axis ? place : whatIf.at[index]), 0);
}

// The axis that the chart is over: the first one with more than one value, of numbers where there is one.
function chartAxis() {
  const wide = SWEEP.axes.findIndex(([, values, isNames]) => values.length > 1 && !isNames);
  return wide >= 0 ? wide : Math.max(0, SWEEP.axes.findIndex(([, values]) => values.length > 1));
}

function drawWhatIf() {
  const chart = byId('whatif-chart');
  const width = Math.max(300, chart.clientWidth);
  const height = 260;
  const area = { left: 64, right: width - 96, top: 12, bottom: height - 34 };
  const over = chartAxis();
  const [dim, values] = SWEEP.axes[over];
  const line = values.map((_, place) => pointAt(over, place));
  const curves = SWEEP.seconds.map(([name, column]) => [name, line.map((point) => column[point])]);
  const times = curves.flatMap(([, column]) => column).filter((time) => time > 0);
  const [low, high] = times.length ? [Math.min(...times) / 1.3, Math.max(...times) * 1.3] : [1, 10];
  const numbers = values.every((value) => value > 0) ? values : values.map((_, place) => place + 1);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  const px = (place) => area.left + (last > first ? Math.log(numbers[place] / first) / Math.log(last / first) : 0.5) * (area.right - area.left);
  const py = (time) => area.bottom - (Math.log(time / low) / Math.log(high / low)) * (area.bottom - area.top);
  const picture = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Time of each placement over ${dim}` });
  for (const time of niceTimes(low, high)) {
    picture.append(draw('line', { x1: area.left, x2: area.right, y1: py(time), y2: py(time), class: 'grid' }), draw('text', { x: area.left - 6, y: py(time) + 4, 'text-anchor': 'end', class: 'soft' }, seconds(time)));
  }
  values.forEach((value, place) => picture.append(draw('text', { x: px(place), y: area.bottom + 16, 'text-anchor': 'middle', class: 'soft' }, values.length < 16 || place % 2 === 0 ? axisText(value) : '')));
  const here = px(whatIf.at[over]);
  picture.append(draw('line', { x1: here, x2: here, y1: area.top, y2: area.bottom, class: 'tie' }), draw('text', { x: (area.left + area.right) / 2, y: height - 4, 'text-anchor': 'middle' }, dim));
  const order = values.map((_, place) => place).sort((a, b) => numbers[a] - numbers[b]);
  const taken = [];
  for (const [name, column] of curves) {
    const points = order.map((place) => (column[place] > 0 ? `${px(place).toFixed(1)},${py(column[place]).toFixed(1)}` : '')).filter(Boolean);
    const end = column[order[order.length - 1]];
    picture.append(draw('polyline', { points: points.join(' '), class: `line curve ${CURVES[name] || 'dashed'}` }));
    if (!(end > 0)) continue;
    const heights = [4, 17, -9, 30].map((step) => py(end) + step);
    const place = Math.max(0, freePlace(heights.map((y) => [[area.right, y - 10, width, y + 2]]), taken));
    picture.append(draw('text', { x: area.right + 6, y: heights[place] }, name));
  }
  chart.replaceChildren(picture);
  drawPoint();
}

function axisText(value) {
  return typeof value === 'number' ? si(value) : value;
}

// The placements at the point that the sliders are at, and where each kernel runs there, in the order of the file.
function drawPoint() {
  const point = pointAt(-1, 0);
  const devices = SWEEP.devices[point];
  const columns = SWEEP.seconds.filter(([, column]) => column[point] !== null);
  const fastest = Math.min(...columns.map(([, column]) => column[point]));
  const said = SWEEP.refusals[point] || [SWEEP.rates[point], SWEEP.bounds[point]].filter(Boolean).join(', bound by ');
  byId('whatif-value').textContent = SWEEP.axes.map(([name, values], axis) => `${name} = ${typeof values[whatIf.at[axis]] === 'number' ? grouped(values[whatIf.at[axis]]) : values[whatIf.at[axis]]}`).join(', ');
  byId('whatif-table').replaceChildren(
    make('thead', {}, make('tr', {}, ...['placement', 'time', 'to the best'].map((title) => make('th', { scope: 'col' }, title)))),
    make('tbody', {}, ...columns.map(([name, column]) => make('tr', {}, make('td', {}, name), make('td', {}, partial(column[point], 's', SWEEP.untimed[point])), make('td', {}, `${Number((column[point] / fastest).toPrecision(3))} x`)))),
  );
  if (!IS_PAIR) {
    byId('whatif-note').textContent = said;
    return;
  }
  const strip = byId('whatif-strip');
  const width = Math.max(280, strip.clientWidth);
  const picture = draw('svg', { width, height: 22, viewBox: `0 0 ${width} 22`, role: 'img', 'aria-label': `${SWEEP.onPim[point]} of ${devices.length} kernels on the PIM` });
  for (let start = 0; start < devices.length;) {
    let end = start + 1;
    while (end < devices.length && devices[end] === devices[start]) end += 1;
    const side = SIDES[Number(devices[start])] || 'other';
    picture.append(draw('rect', { x: ((width * start) / devices.length).toFixed(2), y: side === 'pim' ? 0 : 6, width: Math.max(0.5, (width * (end - start)) / devices.length).toFixed(2), height: side === 'pim' ? 22 : 10, class: `span ${side}`, 'data-kernel': start }));
    start = end;
  }
  strip.replaceChildren(picture);
  byId('whatif-note').textContent = `${grouped(SWEEP.onPim[point])} of ${grouped(devices.length)} kernels on the PIM, in the order of the file. ${said}`;
}

function startWhatIf() {
  if (!SWEEP) return;
  byId('whatif').hidden = false;
  byId('whatif-link').hidden = false;
  whatIf.at = SWEEP.axes.map(() => 0);
  SWEEP.axes.forEach(([name, values], axis) => {
    const slider = make('input', { type: 'range', id: axis ? `whatif-slider-${axis}` : 'whatif-slider', min: 0, max: values.length - 1, value: 0, 'aria-label': name,
      oninput: () => { whatIf.at[axis] = Number(slider.value); slider.setAttribute('aria-valuetext', String(values[whatIf.at[axis]])); drawWhatIf(); } });
    byId('whatif-controls').append(slider);
  });
  byId('whatif-controls').append(make('b', { id: 'whatif-value', 'aria-live': 'polite' }));
  byId('whatif-flips').replaceChildren(...SWEEP.flips.map(([label, count, kernel, steps]) => make('li', {},
    make('button', { type: 'button', disabled: kernel < 0, onclick: () => choose(kernel, 'whatif') }, count ? `${grouped(count)} x ${label}` : label), ` ${steps}`)));
  if (!SWEEP.flips.length) byId('whatif-flips').replaceChildren(make('li', {}, SWEEP.along ? `no kernel changes its device or its bound over ${SWEEP.along}` : 'flips are looked for along one axis: --flips NAME'));
  listen(byId('whatif-strip'), 'whatif');
  drawWhatIf();
}
