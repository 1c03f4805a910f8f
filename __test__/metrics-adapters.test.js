'use strict';

const assert = require('node:assert/strict');
const channel = require('node:diagnostics_channel');
const { after, before, describe, it } = require('node:test');
const { context, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { AsyncLocalStorage } = require('node:async_hooks');
const promClient = require('prom-client');
const { PrewarmWorker } = require('..');
const { instrument } = require('../lib/adapters/opentelemetry.js');
const { registerMetrics } = require('../lib/adapters/prom-client.js');
const { startStage, events, TOKEN, CHAT } = require('./support/prewarm.js');
const { familiesOf } = require('../lib/metrics/families.js');
const { toText } = require('../lib/metrics/exposition.js');

/** The smallest context manager there can be: what the SDK for Node has a package for. */
class Contexts {
  #storage = new AsyncLocalStorage();
  active() {
    return this.#storage.getStore() ?? require('@opentelemetry/api').ROOT_CONTEXT;
  }
  with(active, fn, self, ...args) {
    return this.#storage.run(active, () => fn.call(self, ...args));
  }
  bind(_context, target) {
    return target;
  }
  enable() {
    return this;
  }
  disable() {
    return this;
  }
}

describe('metrics and traces elsewhere', () => {
  let stage;
  before(async () => {
    stage = await startStage();
  });
  after(() => stage.close());

  function aWorker(t) {
    const worker = new PrewarmWorker({
      ...stage.options(),
      resolveBot: async () => ({ token: TOKEN, chatIds: [CHAT] }),
    });
    t.after(() => worker.stop({ timeoutMs: 0 }));
    return worker;
  }
  const gone = { botSlug: 'bot', sha256: 'a'.repeat(64), kind: 'photo', r2Key: 'gone' };

  async function runTwo(worker) {
    const ends = Promise.all([events(worker, 'succeeded'), events(worker, 'failed')]);
    await worker.enqueueMany([await stage.workerJob(), gone]);
    await worker.start();
    await ends;
  }

  it("prom-client shows what the router's own text shows, beside the app's metrics", async (t) => {
    const worker = aWorker(t);
    const registry = new promClient.Registry();
    new promClient.Counter({ name: 'app_requests_total', help: 'x', registers: [registry] }).inc();
    registerMetrics(registry, worker);
    registerMetrics(registry, [worker]);
    await runTwo(worker);
    const lines = (text) =>
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .sort();
    const [theirs, ours] = [lines(await registry.metrics()), lines(toText(familiesOf(worker)))];
    assert.ok(theirs.includes('app_requests_total 1'));
    assert.deepEqual(
      theirs.filter((line) => line.startsWith('warmpath_')),
      ours,
    );
    assert.throws(() => registerMetrics({}, worker), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
    assert.throws(() => registerMetrics(registry, {}), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  });

  it('OpenTelemetry gets a consumer span a job, linked to where it was enqueued, and the metrics', async (t) => {
    context.setGlobalContextManager(new Contexts());
    t.after(() => context.disable());
    const spans = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    t.after(() => meterProvider.shutdown());
    const worker = aWorker(t);
    const end = instrument(worker, { tracerProvider, meterProvider });
    const request = tracerProvider.getTracer('app').startSpan('POST /media');
    await context.with(trace.setSpan(context.active(), request), () => runTwo(worker));
    const [done, failed] = spans.getFinishedSpans().sort((a, b) => a.status.code - b.status.code);
    assert.deepEqual(
      [done.name, done.kind, done.links.map((link) => link.context.spanId)],
      ['process prewarm', SpanKind.CONSUMER, [request.spanContext().spanId]],
    );
    assert.equal(done.attributes['messaging.system'], 'warmpath');
    assert.equal(done.attributes['warmpath.route'], 'stream');
    assert.deepEqual(
      [failed.status.code, failed.attributes['error.type']],
      [SpanStatusCode.ERROR, 'ERR_WARMPATH_SOURCE_NOT_FOUND'],
    );
    await reader.forceFlush();
    const metrics = exporter.getMetrics()[0].scopeMetrics.flatMap((scope) => scope.metrics);
    const points = (name) => metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints;
    assert.equal(
      points('messaging.process.duration').reduce((sum, { value }) => sum + value.count, 0),
      2,
    );
    assert.equal(
      points('warmpath.jobs.settled').reduce((sum, { value }) => sum + value, 0),
      2,
    );
    assert.equal(points('warmpath.slots')[0].value, 5);
    const text = JSON.stringify([done.attributes, failed.attributes, metrics]);
    assert.ok(!text.includes(TOKEN));
    end();
    assert.equal(Object.hasOwn(worker, 'enqueue'), false);
    assert.equal(worker.listenerCount('settled'), 0);
  });

  it('diagnostics_channel tells of every job', async (t) => {
    const seen = [];
    for (const name of ['start', 'end', 'error']) {
      const listen = (message) => seen.push([name, message]);
      channel.subscribe(`warmpath:job:${name}`, listen);
      t.after(() => channel.unsubscribe(`warmpath:job:${name}`, listen));
    }
    await runTwo(aWorker(t));
    assert.deepEqual(seen.map(([name]) => name).sort(), ['end', 'error', 'start', 'start']);
    const [, { worker, job, error, final }] = seen.find(([name]) => name === 'error');
    assert.deepEqual(
      [worker, job.r2Key, error.code, final],
      ['prewarm', 'gone', 'ERR_WARMPATH_SOURCE_NOT_FOUND', true],
    );
    assert.ok(!JSON.stringify(seen).includes(TOKEN));
  });
});
