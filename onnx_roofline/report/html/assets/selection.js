// What is chosen and what is shown: every part of the page listens, and none knows another.
const state = { chosen: -1, module: '', shown: () => true };
const listeners = { choose: [], filter: [] };

function onChoose(listener) { listeners.choose.push(listener); }
function onFilter(listener) { listeners.filter.push(listener); }

function choose(kernel, from) {
  if (kernel === state.chosen) return;
  state.chosen = kernel;
  for (const listener of listeners.choose) listener(kernel, from);
}

function inModule(kernel, module) {
  const own = moduleOf(kernel);
  return !module || own === module || own.startsWith(`${module}/`);
}

function showModule(module) {
  state.module = module;
  state.shown = module ? (kernel) => inModule(kernel, module) : () => true;
  for (const listener of listeners.filter) listener();
}

// Arrow keys over a list of kernels; Escape chooses none.
function walk(element, order, from) {
  element.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const kernels = order();
    if (!kernels.length) return;
    const place = kernels.indexOf(state.chosen);
    if (step) choose(kernels[place < 0 ? 0 : Math.max(0, Math.min(kernels.length - 1, place + step))], from);
    else if (event.key === 'Home') choose(kernels[0], from);
    else if (event.key === 'End') choose(kernels[kernels.length - 1], from);
    else return;
    event.preventDefault();
  });
}

document.addEventListener('keydown', (event) => { if (event.key === 'Escape') choose(-1, 'keys'); });

const tip = byId('tip');

function tipText(kernel) {
  const device = KERNELS.device[kernel];
  const share = TIMES[kernel] === null ? null : TIMES[kernel] / TOTAL_TIME;
  return [
    `${kernelName(kernel)} ${kernelLabel(kernel)}`,
    `${TEXTS[OPS.type[KERNELS.root[kernel]]]}, ${KERNELS.members[kernel].length} ops: ${TEXTS[KERNELS.fusion[kernel]]}`,
    `${deviceName(device)}, ${device < 0 ? '' : TEXTS[KERNELS.bound[kernel][device]]}`,
    `${seconds(TIMES[kernel])}, ${percent(share)} of the kernels' time`,
    `${si(KERNELS.operations[kernel])} operations, ${si(intensityOn(kernel, Math.max(0, device)))} per byte`,
  ].join('\n');
}

function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 6))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 6))}px`;
}

function hideTip() { tip.hidden = true; }

// One listener a picture: its marks say in data-kernel whose they are.
function listen(element, from) {
  const kernelAt = (event) => {
    const mark = event.target.closest('[data-kernel]');
    return mark ? Number(mark.getAttribute('data-kernel')) : -1;
  };
  element.addEventListener('pointermove', (event) => {
    const kernel = kernelAt(event);
    if (kernel < 0) hideTip(); else showTip(event, tipText(kernel));
  });
  element.addEventListener('pointerleave', hideTip);
  element.addEventListener('click', (event) => { const kernel = kernelAt(event); if (kernel >= 0) choose(kernel, from); });
}

const details = byId('details');

function detailRows(kernel) {
  const root = KERNELS.root[kernel];
  const device = KERNELS.device[kernel];
  const rows = [
    ['module', moduleOf(kernel) || '–'],
    ['ops', KERNELS.members[kernel].map((op) => TEXTS[OPS.type[op]]).join(', ')],
    ['fusion', TEXTS[KERNELS.fusion[kernel]]],
    ['output', TEXTS[OPS.out[root]]],
    ['placed on', `${deviceName(device)}: ${TEXTS[KERNELS.reason[kernel]]}`],
    ['runs', grouped(OPS.runs[root])],
    ['all its runs', `${seconds(TIMES[kernel])}, ${percent(TIMES[kernel] === null ? null : TIMES[kernel] / TOTAL_TIME)}`],
    ['operations', `${grouped(KERNELS.operations[kernel])} ${TEXTS[KERNELS.dtype[kernel]]}`],
    ['flipping it', KERNELS.regret[kernel] === null ? 'not possible' : `costs ${si(KERNELS.regret[kernel], HEAD.unit)} more in all`],
    ['transfers', seconds(KERNELS.transfer[kernel])],
  ];
  DEVICES.forEach((one, side) => {
    const band = KERNELS.band[kernel][side];
    const why = TEXTS[KERNELS.why[kernel][side]];
    rows.push([`on ${one.slug}`, [
      `${seconds(KERNELS.time[kernel][side])} a run, ${TEXTS[KERNELS.bound[kernel][side]]}`,
      `${si(KERNELS.moved[kernel][side], 'B')} moved, ${si(intensityOn(kernel, side))} per byte`,
      band[0] === null ? '' : `plain roofline ${seconds(KERNELS.plain[kernel][side])}, from ${seconds(band[0])} to ${seconds(band[1])}`,
      why,
    ].filter(Boolean).join('; ')]);
  });
  if (TEXTS[KERNELS.refused[kernel]]) rows.push(['not fused', TEXTS[KERNELS.refused[kernel]]]);
  return rows;
}

onChoose((kernel) => {
  details.hidden = kernel < 0;
  if (kernel < 0) return;
  const list = make('dl');
  for (const [name, value] of detailRows(kernel)) list.append(make('dt', {}, name), make('dd', {}, value));
  details.replaceChildren(
    make('button', { type: 'button', class: 'close', 'aria-label': 'Close', onclick: () => choose(-1, 'details') }, '×'),
    make('h3', {}, swatch(sideOf(kernel)), `${kernelName(kernel)} ${kernelLabel(kernel)}`), list,
  );
});
