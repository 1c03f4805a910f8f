import { $ } from './dom.js';
import { language, t } from './i18n.js';

const HEIGHT = 150;
const KEPT_SECONDS = 300;

// Seconds between two marks of the time axis.
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

let charts = [];
let depth = [[], [], []];

/** The library's own words for times are American ones. */
const timeOf = new Map();
function clockTimes(_chart, seconds) {
  const locale = language === 'pt' ? 'pt-BR' : 'en-GB';
  if (!timeOf.has(locale)) timeOf.set(locale, new Intl.DateTimeFormat(locale, { timeStyle: 'medium' }));
  return seconds.map((second) => timeOf.get(locale).format(second * 1000));
}

function axis(extra = {}) {
  return { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, ...extra };
}

function line(label, name, extra = {}) {
  return { label, stroke: colour(name), width: 2, points: { show: false }, ...extra };
}

function make(id, series) {
  const element = $(id);
  element.replaceChildren();
  const options = {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { show: false },
    legend: { live: false },
    scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [axis({ space: 90, size: 30, values: clockTimes, incrs: STEPS }), axis({ size: 44 })],
    series: [{}, ...series],
  };
  return new globalThis.uPlot(options, [[], ...series.map(() => [])], element);
}

/** Makes the charts, with the colours and words of now. */
export function drawCharts() {
  if (globalThis.uPlot === undefined) return;
  for (const chart of charts) chart.destroy();
  charts = [
    make('chart-rate', [line(t('series.succeeded'), '--good'), line(t('series.failed'), '--bad', { dash: [6, 3] })]),
    make('chart-depth', [line(t('series.ready'), '--blue'), line(t('series.running'), '--accent', { dash: [6, 3] })]),
  ];
  charts[1].setData(depth);
}

export function resizeCharts() {
  for (const chart of charts) chart.setSize({ width: chart.root.parentElement.clientWidth, height: HEIGHT });
}

/** The rates come from the server; of the queue there is what this page has seen. */
export function feedCharts({ worker, rates, queue, slots }) {
  const now = Math.floor(worker.now / 1000);
  const times = rates.succeeded.map((_, i) => now - rates.seconds + i);
  depth[0].push(worker.now / 1000);
  depth[1].push(queue.ready);
  depth[2].push(slots.running);
  if (depth[0].length > KEPT_SECONDS) depth = depth.map((column) => column.slice(-KEPT_SECONDS));
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const said = { succeeded: sum(rates.succeeded), failed: sum(rates.failed) };
  $('chart-rate').setAttribute('aria-label', t('chart.rate.said', said));
  $('chart-depth').setAttribute('aria-label', t('chart.depth.said', { ready: queue.ready, running: slots.running }));
  if (charts.length === 0) return;
  charts[0].setData([times, rates.succeeded, rates.failed]);
  charts[1].setData(depth);
}
