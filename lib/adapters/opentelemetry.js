'use strict';

const { requirePeer } = require('../peer.js');
const { version } = require('../../package.json');
const { familiesOf } = require('../metrics/families.js');
const { Histogram } = require('../metrics/histogram.js');
const { having, shape, failWith } = require('../options/check.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

const providerFields = shape({ tracerProvider: having('getTracer'), meterProvider: having('getMeter') });

// https://opentelemetry.io/docs/specs/semconv/messaging/
const SYSTEM = 'warmpath';

/**
 * Spans and metrics of a worker by OpenTelemetry's conventions for messaging.
 *
 * A job is one span of kind consumer, made when it has ended, from its own times: `process prewarm`. It is linked to the span in
 * whose context it was enqueued by this process, and is nobody's child: the request that enqueued it is long over. Metrics are
 * read when the reader asks.
 *
 * @param {object} worker
 * @param {{ tracerProvider?: object, meterProvider?: object }} [providers] default: the global ones
 * @returns {() => void} ends it
 * @throws {WarmpathError} ERR_WARMPATH_PEER_MISSING, ERR_WARMPATH_INVALID_ARGUMENT
 */
function instrument(worker, providers = {}) {
  const { tracerProvider, meterProvider } = providerFields(providers, 'providers', invalid);
  const api = requirePeer('@opentelemetry/api', 'warmpath/opentelemetry');
  having('on', 'off', 'enqueueMany', 'describe')(worker, 'worker', invalid);
  const tracer = (tracerProvider ?? api.trace).getTracer('warmpath', version);
  const meter = (meterProvider ?? api.metrics).getMeter('warmpath', version);
  const origins = new Origins(api, worker);
  const durations = meter.createHistogram('messaging.process.duration', {
    unit: 's',
    description: 'How long a job took.',
  });
  const onSettled = (results) => {
    for (const result of results) {
      const attributes = attributesOf(worker, result);
      durations.record((result.timings?.total ?? 0) / 1000, {
        'messaging.system': SYSTEM,
        'messaging.operation.name': 'process',
        'messaging.destination.name': worker.name,
        ...(result.error !== undefined && { 'error.type': result.error.code }),
      });
      span(api, tracer, worker, result, attributes, origins.take(result));
    }
  };
  worker.on('settled', onSettled);
  const unobserve = observeFamilies(meter, worker);
  return () => {
    worker.off('settled', onSettled);
    origins.end();
    unobserve();
  };
}

function attributesOf(worker, { key, job, attempt, error, value }) {
  const { botSlug, kind } = worker.describe(job);
  const attributes = {
    'messaging.system': SYSTEM,
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': worker.name,
    'messaging.message.id': key,
    'warmpath.bot': botSlug,
    'warmpath.kind': kind,
    'warmpath.attempt': attempt,
    'warmpath.route': value?.route,
    'error.type': error?.code,
    'warmpath.error.class': error?.class,
  };
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

function span(api, tracer, worker, { timings, error }, attributes, links) {
  const endTime = Date.now();
  const startTime = endTime - (timings?.total ?? 0);
  const options = { kind: api.SpanKind.CONSUMER, startTime, attributes, links, root: true };
  const made = tracer.startSpan(`process ${worker.name}`, options);
  for (const [phase, ms] of Object.entries(timings ?? {})) made.setAttribute(`warmpath.${phase}_ms`, ms);
  // Messages of errors hold no secret; the text is the error's own.
  if (error !== undefined) made.setStatus({ code: api.SpanStatusCode.ERROR, message: error.message });
  made.end(endTime);
}

// A job that some other process runs never comes back here: what is oldest is forgotten.
const MOST_ORIGINS = 10_000;

/** The spans in whose context jobs were enqueued here, until the jobs end. */
class Origins {
  #api;
  #worker;
  #enqueueMany;
  #enqueue;
  #links = new Map();

  constructor(api, worker) {
    this.#api = api;
    this.#worker = worker;
    this.#enqueueMany = Object.getOwnPropertyDescriptor(worker, 'enqueueMany');
    this.#enqueue = Object.getOwnPropertyDescriptor(worker, 'enqueue');
    for (const name of ['enqueue', 'enqueueMany']) {
      const original = worker[name];
      worker[name] = (given, ...rest) => {
        this.#learn(Array.isArray(given) ? given : [given]);
        return original.call(worker, given, ...rest);
      };
    }
  }

  #learn(jobs) {
    const context = this.#api.trace.getSpanContext(this.#api.context.active());
    if (context === undefined || !this.#api.isSpanContextValid(context)) return;
    for (const job of jobs) {
      const id = idOf(job);
      if (id !== null) this.#links.set(id, { context });
    }
    while (this.#links.size > MOST_ORIGINS) this.#links.delete(this.#links.keys().next().value);
  }

  take({ job, state }) {
    const id = idOf(job);
    const link = this.#links.get(id);
    if (state !== 'retry') this.#links.delete(id);
    return link === undefined ? [] : [link];
  }

  end() {
    for (const [name, own] of [
      ['enqueue', this.#enqueue],
      ['enqueueMany', this.#enqueueMany],
    ]) {
      if (own === undefined) delete this.#worker[name];
      else Object.defineProperty(this.#worker, name, own);
    }
  }
}

function idOf(job) {
  if (typeof job !== 'object' || job === null) return null;
  const { botSlug, sha256, kind, key } = job;
  return JSON.stringify([botSlug, sha256, kind, sha256 === undefined ? key : null]);
}

/** The metrics of the exposition, as observable instruments; histograms have their own instrument above. */
function observeFamilies(meter, worker) {
  const instruments = new Map();
  for (const { name, help, type, samples } of familiesOf(worker)) {
    if (type === 'histogram' || samples.some(({ value }) => value instanceof Histogram)) continue;
    const short = name.replace(/^warmpath_/, '').replace(/_total$/, '');
    const make = type === 'counter' ? 'createObservableCounter' : 'createObservableGauge';
    instruments.set(name, meter[make](`warmpath.${short.replaceAll('_', '.')}`, { description: help }));
  }
  const observe = (result) => {
    for (const { name, samples } of familiesOf(worker)) {
      const instrument = instruments.get(name);
      if (instrument === undefined) continue;
      for (const { labels, value } of samples) if (Number.isFinite(value)) result.observe(instrument, value, labels);
    }
  };
  const list = [...instruments.values()];
  meter.addBatchObservableCallback(observe, list);
  return () => meter.removeBatchObservableCallback(observe, list);
}

module.exports = { instrument };
