'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { describe, it } = require('node:test');
const { MemoryStore } = require('..');
const { familiesOf } = require('../lib/metrics/families.js');
const { Histogram } = require('../lib/metrics/histogram.js');
const { Operated } = require('../lib/worker/operated.js');
const { findProgram } = require('./support/programs.js');

const FOLDER = path.join(__dirname, '..', 'docs', 'grafana');
const promtool = findProgram('promtool', { variable: 'PROMTOOL_PATH', what: 'the alert rules by promtool' });

/** Every name that a scrape can show, with the labels it can have. */
function known() {
  const worker = new Operated({ store: new MemoryStore(), concurrency: 1, name: 'prewarm' });
  worker.throttled = () => [];
  const { monitor } = worker;
  monitor.settledTotal.set('photo\0succeeded', 1);
  monitor.errorsTotal.set('config\0CODE', 1);
  monitor.durations.set('photo\0total', new Histogram());
  const stats = worker.stats();
  worker.stats = () => ({
    ...stats,
    bytesIn: 1,
    bytesOut: 1,
    possibleDuplicates: 0,
    resumes: 0,
    cache: { bytes: 0, hits: 0, misses: 0 },
  });
  const names = new Map();
  for (const { name, type, samples } of familiesOf(worker)) {
    const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
    if (type !== 'histogram') names.set(name, labels);
    else for (const suffix of ['_bucket', '_sum', '_count']) names.set(`${name}${suffix}`, new Set([...labels, 'le']));
  }
  return names;
}

/** The metrics of a query, with the labels it asks of them or groups by. */
function used(expression) {
  const metrics = [...expression.matchAll(/\b(warmpath_\w+)(?:\{([^}]*)\})?/g)];
  const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) =>
    list.split(',').map((name) => name.trim()),
  );
  return metrics.map(([, name, selector = '']) => ({
    name,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label]) => label),
    grouped: grouped.filter((label) => label !== 'instance'),
  }));
}

describe('docs/grafana', () => {
  const names = known();
  const dashboard = JSON.parse(fs.readFileSync(path.join(FOLDER, 'warmpath.json'), 'utf8'));
  const rules = fs.readFileSync(path.join(FOLDER, 'alerts.yml'), 'utf8');
  const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const alerts = [...rules.matchAll(/^ {8}expr: (.*)$/gm)].map(([, expression]) => expression);

  it('asks only for metrics and labels that there are', () => {
    assert.ok(queries.length >= 15 && alerts.length === 8, `${queries.length} queries, ${alerts.length} alerts`);
    for (const expression of [...queries, ...alerts]) {
      const metrics = used(expression);
      assert.ok(metrics.length > 0, expression);
      for (const { name, labels, grouped } of metrics) {
        assert.ok(names.has(name), `${name} is no metric: ${expression}`);
        for (const label of [...labels, ...grouped])
          assert.ok(names.get(name).has(label), `${name} has no label ${label}: ${expression}`);
      }
    }
  });

  it('notices a name that does not exist', () => {
    assert.deepEqual(used('sum by (a, b) (rate(warmpath_x{c=~"d", e!="f"}[5m]))'), [
      { name: 'warmpath_x', labels: ['c', 'e'], grouped: ['a', 'b'] },
    ]);
  });

  it('has panels that do not overlap, each with an id of its own', () => {
    const places = new Set();
    for (const {
      gridPos: { x, y, w, h },
    } of dashboard.panels) {
      for (let i = x; i < x + w; i++) {
        for (let j = y; j < y + h; j++) {
          assert.ok(i < 24 && !places.has(`${i},${j}`), `two panels at ${i},${j}`);
          places.add(`${i},${j}`);
        }
      }
    }
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  });

  it('pleases promtool check rules, and its queries parse', { skip: promtool === null }, (t) => {
    const check = (file) => spawnSync(promtool, ['check', 'rules', file], { encoding: 'utf8' });
    const { status, stdout, stderr } = check(path.join(FOLDER, 'alerts.yml'));
    assert.equal(status, 0, stderr);
    assert.match(stdout, /SUCCESS: 8 rules found/);
    // A recording rule a query: the same parser reads them, with Grafana's own variables filled in.
    const lines = queries.map((expression, i) => {
      const filled = expression.replaceAll('$__rate_interval', '1m').replaceAll('$worker', '.*');
      return `  - record: query:${i}\n    expr: ${JSON.stringify(filled)}\n`;
    });
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-rules-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, 'queries.yml');
    fs.writeFileSync(file, `groups:\n- name: g\n  rules:\n${lines.join('')}`);
    const result = check(file);
    assert.equal(result.status, 0, result.stderr);
  });
});
