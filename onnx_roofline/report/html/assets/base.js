// Data, numbers as text, and elements. Names of the model go into text nodes and nowhere else.
const DATA = JSON.parse(document.getElementById('data').textContent);
const { head: HEAD, ops: OPS, kernels: KERNELS, texts: TEXTS, devices: DEVICES } = DATA;
const SIDES = ['gpu', 'pim'];
const SVG = 'http://www.w3.org/2000/svg';

const byId = (id) => document.getElementById(id);

function make(tag, values = {}, ...children) {
  const element = document.createElement(tag);
  return fill(element, values, children);
}

function draw(tag, values = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), values, children);
}

// Attributes that this page sets; no value of the data chooses one.
function fill(element, values, children) {
  for (const [name, value] of Object.entries(values)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
const SMALL = ['', 'm', 'µ', 'n', 'p', 'f'];

// Four digits with a prefix; what is unknown is a question mark and never 0.
function si(value, unit = '') {
  if (value === null || value === undefined) return '?';
  const space = unit ? ' ' : '';
  if (value === 0) return `0${space}${unit}`;
  let power = Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-9);
  power = Math.max(-5, Math.min(6, power));
  let shown = Number((value / 1000 ** power).toPrecision(4));
  if (Math.abs(shown) >= 1000 && power < 6) { power += 1; shown = Number((value / 1000 ** power).toPrecision(4)); }
  const prefix = power < 0 ? SMALL[-power] : PREFIXES[power];
  return `${shown}${prefix || unit ? ' ' : ''}${prefix}${unit}`;
}

const percent = (share) => (share === null || !Number.isFinite(share) ? '?' : `${(100 * share).toFixed(1)} %`);
const grouped = (value) => (value === null || value === undefined ? '?' : value.toLocaleString('en'));
const seconds = (value) => si(value, 's');

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

function checkbox(label, isOn, change) {
  const input = make('input', { type: 'checkbox', checked: isOn, onchange: () => change(input.checked) });
  return make('label', {}, input, ` ${label}`);
}
