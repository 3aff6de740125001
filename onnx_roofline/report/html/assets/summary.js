// Totals, placements and what they rest on.
const timed = ([known, untimed]) => partial(known, 's', untimed);

// What the least and the most of the three traffic figures would give, all kernels on one device.
function band(side) {
  const ends = [0, 1].map((end) => KERNELS.band.reduce((sum, pair, kernel) => sum + (pair[side][end] || 0) * OPS.runs[KERNELS.root[kernel]], 0));
  return ends[1] === 0 ? 'plain roofline' : `plain roofline, ${seconds(ends[0])} to ${seconds(ends[1])}`;
}

function drawSummary() {
  const optimum = HEAD.placements.find(([name]) => name === 'optimum');
  const cards = [
    IS_PAIR ? ['placed', timed(HEAD.placed), `${optimum[4]} of ${KERNELS.root.length} kernels on the PIM`]
      : ['time', timed(HEAD.placed), `${KERNELS.root.length} kernels one after the other`],
    ...DEVICES.map((device, side) => [`on ${device.slug}`, timed(HEAD.alone[side]), band(side)]),
    ['FLOPs', partial(HEAD.flops, '', HEAD.uncounted), '2 x MACs and the rest'],
    ['MACs', partial(HEAD.macs, '', HEAD.uncounted), grouped(HEAD.macs) + (HEAD.uncounted ? ' that are known' : '')],
    ['naive', partial(HEAD.naive, 'B', HEAD.unsized), 'each op alone'],
    ['compulsory', partial(HEAD.compulsory, 'B', HEAD.unsized), 'after fusion'],
    ['moved', partial(HEAD.moved[0], 'B', HEAD.unsized), `on ${DEVICES[0].slug}`],
    ['parameters', grouped(HEAD.parameters), si(HEAD.weights, 'B')],
    ['activations', si(HEAD.activations, 'B'), 'alive at once, at most'],
  ];
  if (HEAD.makespan !== null) cards.push(['both at once', seconds(HEAD.makespan), 'shortest schedule found']);
  if (HEAD.with_splits !== null) cards.push(['with splits', seconds(HEAD.with_splits), 'kernels on both devices']);
  byId('cards').replaceChildren(...cards.map(([name, value, note]) => make('div', { class: 'card' },
    make('span', {}, name), make('b', {}, value), make('span', {}, note))));

  const titles = ['placement', 'time', 'kernels', 'transfers', 'on the PIM'].slice(0, IS_PAIR ? 5 : 3);
  byId('placements').replaceChildren(
    make('thead', {}, make('tr', {}, ...titles.map((title) => make('th', { scope: 'col' }, title)))),
    make('tbody', {}, ...HEAD.placements.map(([name, total, kernels, transfers, onPim]) => make('tr', {},
      ...[name, timed([total, HEAD.placed[1]]), timed([kernels, HEAD.placed[1]]), seconds(transfers), grouped(onPim)].slice(0, titles.length).map((cell) => make('td', {}, cell))))),
  );
  byId('proof').textContent = `${HEAD.proof}; ${HEAD.settings}`;

  const statuses = Object.entries(HEAD.statuses).filter(([, count]) => count).map(([name, count]) => `${grouped(count)} ${name}`);
  const lines = [
    `ops: ${statuses.join(', ')}`,
    `system ${HEAD.system}`,
    ...DEVICES.map((device) => `${device.slug}: ${device.name}, ${si(device.bandwidth, 'B/s')}`),
    HEAD.opsets + (HEAD.producer ? `, ${HEAD.producer}` : ''),
    ...HEAD.dims.map(([name, value, origin, reason]) => `dim ${name} = ${value}, ${origin}${reason ? `: ${reason}` : ''}`),
    ...HEAD.assumed.map((path) => `figure that nobody published: ${path}`),
    ...HEAD.warnings.map(([code, where, message]) => `${where ? `${where}: ` : ''}${message} [${code}]`),
  ];
  if (HEAD.warned > HEAD.warnings.length) lines.push(`${HEAD.warned - HEAD.warnings.length} more warnings in the JSON`);
  byId('assumptions').replaceChildren(...lines.map((line) => make('li', {}, line)));
}
