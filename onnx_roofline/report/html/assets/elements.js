// Data, numbers as text, and elements. Names of the model go into text nodes and nowhere else.
const DATA = JSON.parse(document.getElementById('data').textContent);
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

// A sum of which parts are unknown; of nothing known it is a question mark alone.
function partial(value, unit, missing) {
  if (!missing) return si(value, unit);
  return value ? `${si(value, unit)} + ?` : '?';
}

const percent = (share) => (share === null || !Number.isFinite(share) ? '?' : `${(100 * share).toFixed(1)} %`);
const grouped = (value) => (value === null || value === undefined ? '?' : value.toLocaleString('en'));
const seconds = (value) => si(value, 's');

function checkbox(label, isOn, change) {
  const input = make('input', { type: 'checkbox', checked: isOn, onchange: () => change(input.checked) });
  return make('label', {}, input, ` ${label}`);
}
