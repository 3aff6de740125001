// Kernels as points under the roofs of both devices, on logarithmic axes.
const roofline = { ghosts: false, before: false, sides: [true, true], hidden: new Set() };
const AREA = [9, 1100];
const LABELS_AVOID = 60;

// Types that most operations are in, at most three, each with a hundredth of them or more: each has its own roofs.
function mainTypes() {
  const sums = new Map();
  KERNELS.root.forEach((_, kernel) => {
    for (const column of [KERNELS.dtype, KERNELS.math]) {
      const type = TEXTS[column[kernel]];
      sums.set(type, (sums.get(type) || 0) + (KERNELS.operations[kernel] || 0) + 1);
    }
  });
  const known = [...sums].filter(([type]) => DEVICES.some((device) => device.compute.some((roof) => roof[1] === type)));
  known.sort((a, b) => b[1] - a[1]);
  return known.slice(0, 3).filter(([, sum]) => sum >= known[0][1] / 100).map(([type]) => type);
}

const TYPES = mainTypes();

// Level roofs of a device from the highest down: [engine, types that share it, operations per second].
function computeRoofs(device) {
  const found = [];
  for (const [engine, type, rate] of device.compute) {
    if (!TYPES.includes(type)) continue;
    const same = found.find((one) => one[0] === engine && one[2] === rate);
    if (same) same[1].push(type); else found.push([engine, [type], rate]);
  }
  return found.sort((a, b) => b[2] - a[2]);
}

const LEVELS = DEVICES.map(computeRoofs);
const shownRoofs = (roofs) => roofs.filter(([kind]) => !roofline.hidden.has(kind));

function pointsOf() {
  const found = [];
  KERNELS.root.forEach((_, kernel) => {
    const device = KERNELS.device[kernel];
    const [x, y] = [intensityOn(kernel, device), achievedOn(kernel, device)];
    if (x > 0 && y > 0 && OPS.runs[KERNELS.root[kernel]]) found.push({ kernel, device, x, y, share: (TIMES[kernel] || 0) / (TOTAL_TIME || 1) });
  });
  return found.sort((a, b) => b.share - a.share);
}

function opsBefore() {
  const found = [];
  OPS.id.forEach((_, op) => {
    const kernel = OPS.kernel[op];
    if (kernel < 0 || KERNELS.device[kernel] < 0 || !OPS.operations[op] || !OPS.naive[op]) return;
    const device = KERNELS.device[kernel];
    const peak = Math.max(...DEVICES[device].compute.filter((roof) => roof[1] === TEXTS[KERNELS.dtype[kernel]]).map((roof) => roof[2]));
    const x = OPS.operations[op] / OPS.naive[op];
    if (peak > 0) found.push({ kernel, device, x, y: Math.min(peak, x * DEVICES[device].bandwidth) });
  });
  return found;
}

const POINTS = pointsOf();

function domain() {
  const ridges = DEVICES.flatMap((device, side) => LEVELS[side].map((roof) => roof[2] / device.bandwidth));
  const xs = [1, ...POINTS.map((point) => point.x), ...ridges];
  const peaks = [1, ...LEVELS.flat().map((roof) => roof[2])];
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
  // Labels keep off the largest points; all of them would cost time and leave no room.
  const taken = POINTS.filter((point) => roofline.sides[point.device]).slice(0, LABELS_AVOID).map(({ x, y, share }) => {
    const radius = Math.sqrt(AREA[0] + share * AREA[1]);
    return [px(x) - radius, py(y) - radius, px(x) + radius, py(y) + radius];
  });
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

// The first place for a label that meets nothing taken, -1 for none; a place is boxes of [left, top, right, bottom].
function freePlace(places, taken) {
  const meets = (a) => taken.some((b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]);
  const found = places.findIndex((boxes) => !boxes.some(meets));
  if (found >= 0) taken.push(...places[found]);
  return found;
}

// The first roof of a kind is a full line, the others have dashes of their own.
const DASHES = { L2: '7 3', interface: '2 3', vector: '7 3' };

// Slanted roofs end at the highest level one, level roofs start at the fastest slanted one.
function roofs(device, side, area, px, py, taken) {
  const group = draw('g');
  const { low, high, bottom, top } = DOMAIN;
  const [slanted, level] = [shownRoofs(device.memory), shownRoofs(LEVELS[side])];
  const fastest = Math.max(...slanted.map((roof) => roof[1]));
  const highest = level.length ? level[0][2] : top;
  const name = area.right < 560 ? SIDES[side].toUpperCase() : device.slug;
  const line = (kind, ...places) => draw('polyline', {
    points: places.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' '),
    class: `line ${SIDES[side]}`, 'data-roof': `${SIDES[side]} ${kind}`, 'stroke-dasharray': DASHES[kind] || null,
  });
  const about = (text, half) => half + text.length * 3.1;
  for (const [engine, types, rate] of level) {
    const start = Math.min(high, Math.max(low, slanted.length ? rate / fastest : low));
    group.append(line(engine, [start, rate], [high, rate]));
    const text = `${name}${engine === 'peak' ? '' : ` ${engine}`}: ${si(rate)}OP/s ${types.join(', ')}`;
    const heights = [-5, 13, -18, 26].map((step) => py(rate) + step);
    const boxes = heights.map((y) => [[area.right - 4 - 2 * about(text, 0), y - 10, area.right, y + 2]]);
    group.append(draw('text', { x: area.right - 4, y: heights[Math.max(0, freePlace(boxes, taken))], 'text-anchor': 'end', class: 'halo' }, text));
  }
  for (const [kind, rate] of slanted) {
    const [from, to] = [Math.max(low, bottom / rate), Math.min(high, highest / rate)];
    if (from >= to) continue;
    group.append(line(kind, [from, from * rate], [to, to * rate]));
    if (kind === 'DRAM') group.append(...level.map((roof) => draw('line', {
      x1: px(roof[2] / rate), x2: px(roof[2] / rate), y1: py(roof[2]), y2: area.bottom, class: `thin ${SIDES[side]}`,
    })));
    const text = `${name} ${kind} ${si(rate, 'B/s')}`;
    const slope = Math.atan2(py(from * rate) - py(to * rate), px(to) - px(from));
    const half = [Math.cos(slope), Math.sin(slope)].map((part) => part * about(text, 6));
    const shifts = labelShifts(rate, py, Math.cos(slope));
    const places = [0.5, 0.25, 0.75, 0.12, 0.88].flatMap((share) => shifts.map((shift) => {
      const x = from * (to / from) ** share;
      return [px(x) + Math.sin(slope) * shift, py(x * rate) + Math.cos(slope) * shift];
    })).filter(([x, y]) => x - half[0] > area.left && x + half[0] < area.right && y + half[1] < area.bottom);
    // Where there is no room the line goes without: its colour and its dashes say what it is.
    const free = freePlace(places.map(([cx, cy]) => alongBoxes(cx, cy, half)), taken);
    if (free < 0) continue;
    const [x, y] = places[free];
    const turn = `rotate(${(-slope * 180 / Math.PI).toFixed(1)} ${x.toFixed(1)} ${y.toFixed(1)})`;
    group.append(draw('text', { x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': 'middle', class: 'halo', transform: turn }, text));
  }
  return group;
}

// Pixels across a slanted roof at which its label crosses no other: above the first of a bundle, else below the bundle.
function labelShifts(rate, py, cosine) {
  const rates = DEVICES.flatMap((device, side) => (roofline.sides[side] ? shownRoofs(device.memory).map((roof) => roof[1]) : []));
  const apart = (a, b) => Math.abs(py(a) - py(b)) * cosine;
  const sorted = [...new Set(rates)].sort((a, b) => b - a);
  const place = sorted.indexOf(rate);
  if (place === 0 || apart(sorted[place - 1], rate) > 16) return [-6, -19];
  let last = place;
  while (last + 1 < sorted.length && apart(sorted[last], sorted[last + 1]) <= 16) last += 1;
  const below = apart(rate, sorted[last]);
  return [13 + below, 27 + below];
}

// A slanted label as boxes in a row.
function alongBoxes(x, y, half) {
  return Array.from({ length: 17 }, (_, n) => (n - 8) / 8).map((part) => {
    const [cx, cy] = [x + part * half[0], y - part * half[1]];
    return [cx - 5, cy - 5, cx + 5, cy + 5];
  });
}

// A switch a kind of roof, where there is more than one of slanted or of level ones.
function roofSwitches() {
  const kinds = [DEVICES.flatMap((device) => device.memory), LEVELS.flat()].map((roofs) => [...new Set(roofs.map(([kind]) => kind))]);
  return kinds.filter((some) => some.length > 1).flat().map((kind) => {
    const label = checkbox(`${kind} roof`, true, (isOn) => {
      if (isOn) roofline.hidden.delete(kind); else roofline.hidden.add(kind);
      drawRoofline();
    });
    const sample = draw('svg', { width: 24, height: 8, class: 'sample', 'aria-hidden': 'true' },
      draw('line', { x1: 0, x2: 24, y1: 4, y2: 4, class: 'line other', 'stroke-dasharray': DASHES[kind] || null }));
    label.insertBefore(sample, label.lastChild);
    return label;
  });
}

function startRoofline() {
  const switches = DEVICES.map((device, side) => {
    const label = checkbox(device.slug, true, (isOn) => { roofline.sides[side] = isOn; drawRoofline(); });
    label.insertBefore(swatch(SIDES[side]), label.lastChild);
    return label;
  });
  byId('roofline-controls').append(...switches, ...roofSwitches(),
    ...(IS_PAIR ? [checkbox('the same kernels on the other device', false, (isOn) => { roofline.ghosts = isOn; drawRoofline(); })] : []),
    checkbox('ops before fusion', false, (isOn) => { roofline.before = isOn; drawRoofline(); }));
  byId('roofline-note').textContent = 'Area: share of the time. A point under its roof pays for launch, passes, rows or refetched bytes. '
    + `${IS_PAIR ? 'The chosen kernel is joined with itself on the other device. ' : ''}Diamonds: ops alone, on the roof. Points are at their bytes of DRAM; the L2 roof counts what the units read and write.${HEAD.hidden ? ` ${HEAD.hidden}` : ''}`;
  listen(byId('roofline-chart'), 'roofline');
  const order = [...POINTS].sort((a, b) => a.x - b.x).map((point) => point.kernel);
  walk(byId('roofline-chart'), () => order.filter(state.shown), 'roofline');
  onChoose(drawRoofline);
  onFilter(drawRoofline);
  drawRoofline();
}
