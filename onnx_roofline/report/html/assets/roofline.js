// Kernels as points under the roofs of both devices, on logarithmic axes.
const roofline = { ghosts: false, before: false, sides: [true, true] };
const AREA = [9, 1100];

// Types that most operations are in, at most three: each has its own roof.
function mainTypes() {
  const sums = new Map();
  KERNELS.root.forEach((_, kernel) => {
    const type = TEXTS[KERNELS.dtype[kernel]];
    if (type) sums.set(type, (sums.get(type) || 0) + (KERNELS.operations[kernel] || 0) + 1);
  });
  const known = [...sums].filter(([type]) => DEVICES.some((device) => device.peaks[type]));
  const kept = known.sort((a, b) => b[1] - a[1]).slice(0, 3).map(([type]) => type);
  return kept.length ? kept : Object.keys(DEVICES[0].peaks).slice(0, 1);
}

function pointsOf() {
  const found = [];
  KERNELS.root.forEach((_, kernel) => {
    const device = KERNELS.device[kernel];
    const [x, y] = [intensityOn(kernel, device), achievedOn(kernel, device)];
    if (x > 0 && y > 0) found.push({ kernel, device, x, y, share: (TIMES[kernel] || 0) / (TOTAL_TIME || 1) });
  });
  return found.sort((a, b) => b.share - a.share);
}

function opsBefore() {
  const found = [];
  OPS.id.forEach((_, op) => {
    const kernel = OPS.kernel[op];
    if (kernel < 0 || KERNELS.device[kernel] < 0 || !OPS.operations[op] || !OPS.naive[op]) return;
    const device = KERNELS.device[kernel];
    const peak = DEVICES[device].peaks[TEXTS[KERNELS.dtype[kernel]]];
    const x = OPS.operations[op] / OPS.naive[op];
    if (peak) found.push({ kernel, device, x, y: Math.min(peak, x * DEVICES[device].bandwidth) });
  });
  return found;
}

const POINTS = pointsOf();
const TYPES = mainTypes();

function domain() {
  const ridges = DEVICES.flatMap((device) => TYPES.filter((type) => device.peaks[type]).map((type) => device.peaks[type] / device.bandwidth));
  const xs = [...POINTS.map((point) => point.x), ...ridges];
  const peaks = DEVICES.flatMap((device) => TYPES.filter((type) => device.peaks[type]).map((type) => device.peaks[type]));
  const low = Math.max(1e-6, Math.min(...xs) / 3);
  const high = Math.min(1e9, Math.max(...xs) * 4);
  const slowest = Math.min(...DEVICES.map((device) => device.bandwidth)) * low;
  const top = Math.max(...peaks) * 3;
  const bottom = Math.max(Math.min(slowest, ...POINTS.map((point) => point.y / 3)), top / 1e14);
  return { low, high, bottom, top };
}

const DOMAIN = domain();

function drawRoofline() {
  const chart = byId('roofline-chart');
  const width = Math.max(300, chart.clientWidth);
  const height = Math.max(260, chart.clientHeight);
  const area = { left: 64, right: width - 12, top: 10, bottom: height - 42 };
  const { low, high, bottom, top } = DOMAIN;
  const px = (x) => area.left + (Math.log(x / low) / Math.log(high / low)) * (area.right - area.left);
  const py = (y) => area.bottom - (Math.log(y / bottom) / Math.log(top / bottom)) * (area.bottom - area.top);
  const picture = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Roofline of both devices' });
  picture.append(axes(area, px, py));
  const clip = draw('g');
  picture.append(clip);
  const taken = [];
  DEVICES.forEach((device, side) => { if (roofline.sides[side]) clip.append(roofs(device, side, area, px, py, taken)); });
  if (roofline.before) {
    for (const { kernel, device, x, y } of opsBefore()) {
      if (roofline.sides[device] && state.shown(kernel)) clip.append(diamond(px(x), py(y), 3, `before ${SIDES[device]}`));
    }
  }
  const ghosts = draw('g');
  clip.append(ghosts);
  for (const { kernel, device, x, y, share } of POINTS) {
    if (!roofline.sides[device]) continue;
    const shown = state.shown(kernel);
    if (roofline.ghosts && shown) ghosts.append(ghostOf(kernel, device, px, py));
    clip.append(mark(device, px(x), py(y), Math.sqrt(AREA[0] + share * AREA[1]), {
      class: `point ${SIDES[device]}${shown ? '' : ' dim'}`, 'data-kernel': kernel,
    }));
  }
  if (state.chosen >= 0) clip.append(chosenMark(px, py));
  chart.replaceChildren(picture);
}

// A circle on the GPU and a square on the PIM: colour is never the only sign.
function mark(device, x, y, radius, values) {
  if (device === 0) return draw('circle', { cx: x.toFixed(1), cy: y.toFixed(1), r: radius.toFixed(1), ...values });
  const side = radius * 1.77;
  return draw('rect', { x: (x - side / 2).toFixed(1), y: (y - side / 2).toFixed(1), width: side.toFixed(1), height: side.toFixed(1), ...values });
}

function diamond(x, y, size, name) {
  return draw('path', { d: `M${x.toFixed(1)} ${(y - size).toFixed(1)}l${size} ${size}l${-size} ${size}l${-size} ${-size}z`, class: name });
}

function ghostOf(kernel, device, px, py) {
  const [x, y] = [intensityOn(kernel, 1 - device), achievedOn(kernel, 1 - device)];
  if (!(x > 0 && y > 0)) return draw('g');
  return mark(1 - device, px(x), py(y), 4, { class: `ghost ${SIDES[1 - device]}` });
}

function chosenMark(px, py) {
  const point = POINTS.find((one) => one.kernel === state.chosen);
  const group = draw('g', { 'pointer-events': 'none' });
  if (!point) return group;
  const radius = Math.sqrt(AREA[0] + point.share * AREA[1]);
  group.append(draw('circle', { cx: px(point.x), cy: py(point.y), r: radius + 4, class: 'ring' }));
  const [x, y] = [intensityOn(point.kernel, 1 - point.device), achievedOn(point.kernel, 1 - point.device)];
  if (x > 0 && y > 0) {
    group.append(draw('line', { x1: px(point.x), y1: py(point.y), x2: px(x), y2: py(y), class: 'tie' }),
      mark(1 - point.device, px(x), py(y), 6, { class: `ghost ${SIDES[1 - point.device]}` }));
  }
  return group;
}

function axes(area, px, py) {
  const group = draw('g');
  const { low, high, bottom, top } = DOMAIN;
  const steps = (from, to, room) => {
    const [first, last] = [Math.ceil(Math.log10(from)), Math.floor(Math.log10(to))];
    const each = Math.max(1, Math.ceil((last - first + 1) / room));
    return Array.from({ length: Math.floor((last - first) / each) + 1 }, (_, n) => 10 ** (first + n * each));
  };
  for (const x of steps(low, high, (area.right - area.left) / 55)) {
    group.append(draw('line', { x1: px(x), x2: px(x), y1: area.top, y2: area.bottom, class: 'grid' }),
      draw('text', { x: px(x), y: area.bottom + 15, 'text-anchor': 'middle', class: 'soft' }, x < 1 && x >= 1e-3 ? String(x) : si(x)));
  }
  for (const y of steps(bottom, top, (area.bottom - area.top) / 30)) {
    group.append(draw('line', { x1: area.left, x2: area.right, y1: py(y), y2: py(y), class: 'grid' }),
      draw('text', { x: area.left - 6, y: py(y) + 4, 'text-anchor': 'end', class: 'soft' }, si(y)));
  }
  group.append(draw('text', { x: (area.left + area.right) / 2, y: area.bottom + 34, 'text-anchor': 'middle' }, 'operations per byte moved'),
    draw('text', { x: 12, y: (area.top + area.bottom) / 2, 'text-anchor': 'middle', transform: `rotate(-90 12 ${(area.top + area.bottom) / 2})` }, 'operations per second'));
  return group;
}

// Above the line, or below it where another label is in the way.
function labelHeight(y, taken) {
  const found = [y - 5, y + 13, y - 18, y + 26].find((place) => taken.every((other) => Math.abs(other - place) > 12)) ?? y - 5;
  taken.push(found);
  return found;
}

function roofs(device, side, area, px, py, taken) {
  const group = draw('g');
  const { low, high, bottom } = DOMAIN;
  const drawn = TYPES.filter((type) => device.peaks[type]).sort((a, b) => device.peaks[b] - device.peaks[a]);
  const name = area.right < 560 ? SIDES[side].toUpperCase() : device.slug;
  drawn.forEach((type, n) => {
    const peak = device.peaks[type];
    const ridge = peak / device.bandwidth;
    const start = Math.max(low, bottom / device.bandwidth);
    const from = n === 0 ? `${px(start)},${py(start * device.bandwidth)} ` : '';
    group.append(draw('polyline', { points: `${from}${px(Math.max(ridge, low))},${py(peak)} ${area.right},${py(peak)}`, class: `line ${SIDES[side]}` }));
    group.append(draw('line', { x1: px(ridge), x2: px(ridge), y1: py(peak), y2: area.bottom, class: `thin ${SIDES[side]}` }));
    const same = drawn.filter((other) => device.peaks[other] === peak);
    if (same[0] === type) {
      const text = `${name}: ${si(peak)}OP/s ${same.join(', ')}`;
      group.append(draw('text', { x: area.right - 4, y: labelHeight(py(peak), taken), 'text-anchor': 'end', class: 'halo' }, text));
    }
  });
  if (drawn.length) {
    const x = Math.sqrt(Math.max(low, bottom / device.bandwidth) * Math.max(low, Math.min(high, device.peaks[drawn[0]] / device.bandwidth)));
    const slope = (Math.atan2(py(x * device.bandwidth) - py(10 * x * device.bandwidth), px(10 * x) - px(x)) * -180) / Math.PI;
    const [cx, cy] = [px(x), py(x * device.bandwidth)];
    group.append(draw('text', { x: cx, y: cy - 6, 'text-anchor': 'middle', class: 'halo', transform: `rotate(${slope.toFixed(1)} ${cx.toFixed(1)} ${cy.toFixed(1)})` }, `${si(device.bandwidth, 'B/s')}`));
  }
  return group;
}

function startRoofline() {
  const switches = DEVICES.map((device, side) => {
    const label = checkbox(device.slug, true, (isOn) => { roofline.sides[side] = isOn; drawRoofline(); });
    label.insertBefore(swatch(SIDES[side]), label.lastChild);
    return label;
  });
  byId('roofline-controls').append(...switches,
    checkbox('the same kernels on the other device', false, (isOn) => { roofline.ghosts = isOn; drawRoofline(); }),
    checkbox('ops before fusion', false, (isOn) => { roofline.before = isOn; drawRoofline(); }));
  const missing = KERNELS.root.length - POINTS.length;
  byId('roofline-note').textContent = 'Area: share of the time. A point under its roof pays for launch, passes, rows or refetched bytes. '
    + `The chosen kernel is joined with itself on the other device. Diamonds: ops alone, on the roof.${missing ? ` ${grouped(missing)} kernels without operations, bytes or time are not drawn.` : ''}`;
  listen(byId('roofline-chart'), 'roofline');
  const order = [...POINTS].sort((a, b) => a.x - b.x).map((point) => point.kernel);
  walk(byId('roofline-chart'), () => order.filter(state.shown), 'roofline');
  onChoose(drawRoofline);
  onFilter(drawRoofline);
  drawRoofline();
}
