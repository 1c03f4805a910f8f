import { startActions } from './actions.js';
import { follow } from './api.js';
import { drawCharts, feedCharts, resizeCharts } from './charts.js';
import { $, setText } from './dom.js';
import { language, recall, remember, setLanguage, t, translate } from './i18n.js';
import { readJobs, showAbilities, startJobs } from './jobs.js';
import * as panels from './panels.js';

let last = null;

function show(state) {
  last = state;
  panels.showHead(state);
  panels.showTiles(state);
  panels.showWaits(state);
  panels.showErrors(state);
  panels.showPhases(state);
  panels.showRecent(state);
  panels.showInstances(state);
  panels.showFoot(state);
  showAbilities(state);
  feedCharts(state);
  $('logout').hidden = !state.can.logout;
}

function link(state) {
  $('link').dataset.state = state;
  setText($('link'), t(`link.${state}`));
}

function theme(value) {
  if (value === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  drawCharts();
}

translate();
link('waiting');
$('language').value = language;
$('language').addEventListener('change', () => {
  setLanguage($('language').value);
  drawCharts();
  link($('link').dataset.state);
  if (last !== null) show(last);
  readJobs();
});
$('theme').value = recall('warmpath.theme') ?? 'auto';
$('theme').addEventListener('change', () => {
  remember('warmpath.theme', $('theme').value);
  theme($('theme').value);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawCharts);
window.addEventListener('resize', resizeCharts);
theme($('theme').value);
startActions();
startJobs();
follow(show, link);
