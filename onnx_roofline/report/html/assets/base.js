// Kernels and devices by their places in the columns of the data.
const { head: HEAD, ops: OPS, kernels: KERNELS, texts: TEXTS, devices: DEVICES } = DATA;
const SIDES = ['gpu', 'pim'];
// A system may be one device, on which nothing is placed.
const IS_PAIR = DEVICES.length > 1;

// Time of a kernel where it is placed, all its runs; null where it has none.
function timeOf(kernel) {
  const device = KERNELS.device[kernel];
  const time = device < 0 ? null : KERNELS.time[kernel][device];
  return time === null ? null : time * OPS.runs[KERNELS.root[kernel]];
}

const TIMES = KERNELS.root.map((_, kernel) => timeOf(kernel));
const TOTAL_TIME = TIMES.reduce((sum, time) => sum + (time || 0), 0);
const kernelName = (kernel) => OPS.id[KERNELS.root[kernel]];
const kernelLabel = (kernel) => OPS.name[KERNELS.root[kernel]];
const moduleOf = (kernel) => TEXTS[OPS.module[KERNELS.root[kernel]]];
const sideOf = (kernel) => SIDES[KERNELS.device[kernel]] || 'other';
const deviceName = (device) => (device < 0 ? 'not placed' : DEVICES[device].slug);

function intensityOn(kernel, device) {
  const moved = device < 0 ? null : KERNELS.moved[kernel][device];
  const operations = KERNELS.operations[kernel];
  return moved && operations !== null ? operations / moved : null;
}

function achievedOn(kernel, device) {
  const time = device < 0 ? null : KERNELS.time[kernel][device];
  return time && KERNELS.operations[kernel] !== null ? KERNELS.operations[kernel] / time : null;
}

function swatch(side) {
  return make('span', { class: `swatch ${side}`, 'aria-hidden': 'true' });
}

// A bar of the whole: the GPU's share, then the PIM's.
function shareBar(gpu, pim) {
  const bar = make('span', { class: 'bar', 'aria-hidden': 'true' });
  for (const [side, share] of [['gpu', gpu], ['pim', pim]]) {
    const part = make('span', { class: side });
    part.style.width = `${(100 * share).toFixed(1)}%`;
    bar.append(part);
  }
  return bar;
}
