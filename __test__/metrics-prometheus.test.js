'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { after, before, describe, it } = require('node:test');
const { PrewarmWorker } = require('..');
const { Histogram } = require('../lib/metrics/histogram.js');
const { toText } = require('../lib/metrics/exposition.js');
const { Rates, Ring, Window } = require('../lib/metrics/recent.js');
const { startStage, events, TOKEN, CHAT } = require('./support/prewarm.js');
const { serve } = require('./support/admin.js');
const { findProgram } = require('./support/programs.js');

const promtool = findProgram('promtool', { variable: 'PROMTOOL_PATH', what: 'the metrics by promtool' });

describe('metrics of a worker', () => {
  let stage;
  let text;
  let seeds;
  before(async () => {
    stage = await startStage();
    const worker = new PrewarmWorker({
      ...stage.options(),
      resolveBot: async () => ({ token: TOKEN, chatIds: [CHAT] }),
    });
    const settled = events(worker, 'succeeded', 3);
    const failed = events(worker, 'failed');
    for (let i = 0; i < 3; i++) await worker.enqueue(await stage.workerJob());
    await worker.enqueue({ botSlug: 'bot"\\\n', sha256: 'a'.repeat(64), kind: 'photo', r2Key: 'gone' });
    await worker.start();
    await Promise.all([settled, failed]);
    const client = await serve({ after }, worker.router({ auth: 'external' }));
    text = await client.get('/metrics/prometheus');
    seeds = await client.get('/metrics/prometheus?names=compat');
    await worker.stop();
  });
  after(() => stage.close());

  const sample = (line, from = text.text) => {
    const found = from.split('\n').find((each) => each.startsWith(`${line} `));
    return found === undefined ? undefined : Number(found.slice(line.length + 1));
  };

  it('counts what happened, in closed label sets', () => {
    assert.equal(text.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(sample('warmpath_jobs_settled_total{worker="prewarm",kind="document",outcome="succeeded"}'), 3);
    assert.equal(sample('warmpath_jobs_settled_total{worker="prewarm",kind="photo",outcome="failed"}'), 1);
    const code = 'class="permanent",code="ERR_WARMPATH_SOURCE_NOT_FOUND"';
    assert.equal(sample(`warmpath_job_errors_total{worker="prewarm",${code}}`), 1);
    assert.equal(sample('warmpath_worker_state{worker="prewarm",state="running"}'), 1);
    assert.equal(sample('warmpath_source_read_bytes_total{worker="prewarm"}'), 6000);
    assert.equal(sample('warmpath_job_duration_seconds_count{worker="prewarm",kind="document",phase="total"}'), 3);
    assert.equal(
      sample('warmpath_job_duration_seconds_bucket{worker="prewarm",kind="document",phase="total",le="+Inf"}'),
      3,
    );
    assert.doesNotMatch(text.text, /bot=|r2Key|sha256=/, 'a bot or a job is a label');
    const labels = new Set([...text.text.matchAll(/[{,](\w+)="/g)].map(([, name]) => name));
    assert.deepEqual([...labels].sort(), [
      'class',
      'code',
      'kind',
      'le',
      'outcome',
      'phase',
      'scope',
      'state',
      'worker',
    ]);
  });

  it('has the names of the seeds where they are asked for', () => {
    assert.equal(sample('media_prewarm_success_total{bot="bot",kind="document"}', seeds.text), 3);
    assert.equal(sample('media_prewarm_queued_total{bot="bot",kind="document"}', seeds.text), 3);
    assert.equal(sample('media_prewarm_latency_ms_count{bot="bot",kind="document"}', seeds.text), 3);
    assert.match(
      seeds.text,
      /media_prewarm_errors_total\{bot="bot\\"\\\\\\n",kind="photo",error="ERR_WARMPATH_SOURCE_NOT_FOUND"\} 1/,
    );
    assert.doesNotMatch(text.text, /media_prewarm_/);
  });

  it('pleases promtool check metrics', { skip: promtool === null }, () => {
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
      input: text.text,
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    // The names of the seeds have their units cut short, and promtool says so; the form is right all the same.
    const second = spawnSync(promtool, ['check', 'metrics'], { input: seeds.text, encoding: 'utf8' });
    assert.doesNotMatch(second.stderr, /error while linting|parsing/);
  });

  it('merges the families of several workers, and writes special numbers', () => {
    const family = (value, worker) => ({
      name: 'a_b',
      help: 'line\none',
      type: 'gauge',
      samples: [{ labels: { worker }, value }],
    });
    assert.equal(
      toText([
        family(Number.POSITIVE_INFINITY, 'x'),
        family(Number.NaN, 'y'),
        { ...family(1), name: 'none', samples: [] },
      ]),
      '# HELP a_b line\\none\n# TYPE a_b gauge\na_b{worker="x"} +Inf\na_b{worker="y"} NaN\n',
    );
  });

  it('keeps histograms, windows, rings and rates right at their edges', () => {
    const histogram = new Histogram([1, 2]);
    for (const value of [0, 1, 1.5, 2, 99, Number.NaN, -1]) histogram.observe(value);
    assert.deepEqual(histogram.buckets(), [
      [1, 2],
      [2, 4],
      [Number.POSITIVE_INFINITY, 5],
    ]);
    const window = new Window(4);
    assert.equal(window.quantiles(), null);
    for (let i = 1; i <= 6; i++) window.push(i);
    assert.deepEqual(window.quantiles(), { p50: 5, p95: 6, p99: 6 });
    const ring = new Ring(3);
    for (let i = 1; i <= 7; i++) ring.push({ i });
    const seen = (limit, before) => ring.newest(limit, before).map(({ i }) => i);
    assert.deepEqual([seen(10), seen(2), seen(10, 6), ring.last], [[7, 6, 5], [7, 6], [5], 7]);
    assert.equal(
      ring.remove(({ i }) => i === 6),
      1,
    );
    assert.deepEqual(seen(10), [7, 5, 4]);
    let now = 10_000;
    const rates = new Rates(['a', 'b'], { seconds: 5, now: () => now });
    rates.add('a');
    now = 11_500;
    rates.add('a', 4);
    rates.add('b');
    now = 12_000;
    assert.deepEqual([rates.series('a', 3), rates.sum('b', 3)], [[0, 1, 4], 1]);
    now = 16_999;
    assert.deepEqual(rates.series('a', 4), [0, 0, 0, 0]);
  });
});
