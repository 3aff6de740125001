// The placed schedule: a lane a device and one for the link.
const schedule = { zoom: 1, which: 0 };
const LANE = { top: 22, height: 34, gap: 8 };

function drawTimeline() {
  const room = byId('timeline-chart');
  const spans = DATA.spans[schedule.which];
  const end = spans.reduce((latest, span) => Math.max(latest, span[2] + span[3]), 0);
  const width = Math.round(Math.max(280, room.clientWidth - 2) * schedule.zoom);
  const lanes = DEVICES.length + (spans.some((span) => span[1] === 2) ? 1 : 0);
  const height = LANE.top + lanes * (LANE.height + LANE.gap) + 4;
  const narrow = room.clientWidth < 600;
  const left = narrow ? 34 : 110;
  const px = (time) => left + (end ? time / end : 0) * (width - left - 8);
  const lane = (device) => LANE.top + device * (LANE.height + LANE.gap);
  const picture = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Timeline of the placement' });
  for (let device = 0; device < lanes; device += 1) picture.append(draw('rect', { x: 0, y: lane(device), width, height: LANE.height, class: 'lane' }));
  const step = niceStep(end / Math.max(2, width / 110));
  for (let time = 0; step && time <= end; time += step) {
    picture.append(draw('line', { x1: px(time), x2: px(time), y1: 14, y2: height, class: 'grid' }), draw('text', { x: px(time) + 2, y: 11, class: 'soft' }, seconds(time)));
  }
  for (const [kernel, device, start, duration, tensor, size] of spans) {
    const [x, length] = [px(start), Math.max(0.6, px(start + duration) - px(start))];
    const values = { x: x.toFixed(2), y: lane(device) + 2, width: length.toFixed(2), height: LANE.height - 4 };
    if (device === 2) {
      const bar = draw('rect', { ...values, class: 'span link' });
      bar.append(draw('title', {}, `${TEXTS[tensor]}\n${si(size, 'B')}, ${seconds(duration)}`));
      picture.append(bar);
      continue;
    }
    const name = `span ${SIDES[device]}${state.shown(kernel) ? '' : ' dim'}${kernel === state.chosen ? ' chosen' : ''}`;
    picture.append(draw('rect', { ...values, class: name, 'data-kernel': kernel, 'fill-opacity': kernel === state.chosen ? 1 : kernel % 2 ? 0.85 : 0.6 }));
    if (length > 60) picture.append(draw('text', { x: x + 4, y: lane(device) + 21, 'pointer-events': 'none', class: 'halo' }, cut(TEXTS[OPS.type[KERNELS.root[kernel]]], Math.floor(length / 8))));
  }
  picture.append(laneNames(narrow, left, height, lane, lanes));
  room.replaceChildren(picture);
}

// Stays at the left edge while the bars are scrolled.
function laneNames(narrow, left, height, lane, lanes) {
  const names = draw('g', { id: 'lane-names', transform: `translate(${byId('timeline-chart').scrollLeft} 0)` }, draw('rect', { x: 0, y: 0, width: left - 4, height, class: 'gutter' }));
  for (let device = 0; device < lanes; device += 1) {
    const name = device === 2 ? 'link' : narrow ? SIDES[device].toUpperCase() : cut(DEVICES[device].slug, 16);
    names.append(draw('text', { x: 2, y: lane(device) + LANE.height / 2 + 4 }, name));
  }
  return names;
}

function niceStep(least) {
  if (!(least > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least);
}

function zoomTo(zoom) {
  const room = byId('timeline-chart');
  const centre = (room.scrollLeft + room.clientWidth / 2) / (room.scrollWidth || 1);
  schedule.zoom = Math.max(1, Math.min(64, zoom));
  drawTimeline();
  room.scrollLeft = centre * room.scrollWidth - room.clientWidth / 2;
}

function startTimeline() {
  const which = make('select', { 'aria-label': 'Schedule', id: 'timeline-which', onchange: () => { schedule.which = Number(which.value); drawTimeline(); } },
    make('option', { value: 0 }, 'one after the other'), make('option', { value: 1 }, 'both devices at once'));
  which.hidden = !DATA.spans[1].length;
  byId('timeline-controls').append(which,
    make('button', { type: 'button', 'aria-label': 'Closer', onclick: () => zoomTo(schedule.zoom * 2) }, '+'),
    make('button', { type: 'button', 'aria-label': 'Farther', onclick: () => zoomTo(schedule.zoom / 2) }, '−'),
    make('button', { type: 'button', onclick: () => zoomTo(1) }, 'whole'));
  listen(byId('timeline-chart'), 'timeline');
  byId('timeline-chart').addEventListener('scroll', () => byId('lane-names').setAttribute('transform', `translate(${byId('timeline-chart').scrollLeft} 0)`), { passive: true });
  walk(byId('timeline-chart'), () => DATA.spans[schedule.which].filter((span) => span[1] !== 2).map((span) => span[0]).filter(state.shown), 'timeline');
  onChoose((kernel) => {
    drawTimeline();
    const bar = byId('timeline-chart').querySelector('.span.chosen');
    const room = byId('timeline-chart');
    if (bar && kernel >= 0) room.scrollLeft = Number(bar.getAttribute('x')) - room.clientWidth / 2;
  });
  onFilter(drawTimeline);
  drawTimeline();
}
