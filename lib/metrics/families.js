'use strict';

/**
 * Every metric of a worker. Names follow the conventions of Prometheus (base units, `_total`); the label sets are closed:
 * `worker` and `kind` by configuration, `class` and `code` by the error table, `phase` by the pipeline. No bot, chat, key or
 * text is ever a label.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */

const STATES = ['idle', 'running', 'paused', 'draining', 'stopping'];

function gauge(name, help, samples) {
  return { name: `warmpath_${name}`, help, type: 'gauge', samples };
}

function counter(name, help, samples) {
  return { name: `warmpath_${name}_total`, help, type: 'counter', samples };
}

/** @param {import('../worker/operated.js').Operated} worker @returns {object[]} families of exposition.js */
function familiesOf(worker) {
  const { name, monitor } = worker;
  const stats = worker.stats();
  const depth = worker.depth();
  const own = (value, labels) => ({ labels: { worker: name, ...labels }, value });
  const known = (value) => (typeof value === 'number' ? [own(value)] : []);
  const split = (map, ...names) =>
    Array.from(map, ([key, value]) => {
      const parts = key.split('\0');
      return own(value, Object.fromEntries(names.map((label, i) => [label, parts[i]])));
    });
  return [
    gauge(
      'worker_state',
      'Which of its states the worker is in: 1 for that one, 0 for the others.',
      STATES.map((state) => own(worker.mode === state ? 1 : 0, { state })),
    ),
    gauge('queue_jobs', 'Jobs in the store, by state: ready, delayed (waits for a retry) and claimed.', [
      own(depth.ready, { state: 'ready' }),
      own(depth.delayed, { state: 'delayed' }),
      own(depth.claimed, { state: 'claimed' }),
    ]),
    gauge('queue_capacity_jobs', 'Most jobs that may be ready at once; +Inf where nothing bounds them.', [
      own(stats.capacity ?? Number.POSITIVE_INFINITY),
    ]),
    gauge('slots_running', 'Jobs that hold a slot.', known(stats.running)),
    gauge('slots', 'Jobs that may run at once.', known(stats.concurrency)),
    gauge('unrecorded_results', 'Results that are not written to the store yet.', known(stats.recording)),
    gauge(
      'throttled_keys',
      'Bots and chats that a 429 has slowed down or still holds, by scope.',
      throttled(worker).map(([scope, value]) => own(value, { scope })),
    ),
    counter(
      'jobs_settled',
      'Jobs that ended for good, by kind and outcome.',
      split(monitor.settledTotal, 'kind', 'outcome'),
    ),
    counter('job_errors', 'Tries that failed, by class and code.', split(monitor.errorsTotal, 'class', 'code')),
    counter('job_retries', 'Failed jobs that will be tried again.', [own(monitor.retriesTotal)]),
    counter('engine_retries', 'Tries after the first inside the engine.', known(worker.executor?.stats().retries)),
    counter('source_resumes', 'Downloads that broke and were resumed.', known(stats.resumes)),
    counter(
      'possible_duplicates',
      'Failed sends that may have left a message behind.',
      known(stats.possibleDuplicates),
    ),
    counter('source_read_bytes', 'Bytes read from sources, all tries.', known(stats.bytesIn)),
    counter('sent_bytes', 'Bytes handed to the other side, all tries.', known(stats.bytesOut)),
    {
      name: 'warmpath_job_duration_seconds',
      help: 'How long settled jobs took, by kind and phase; wait is the time in the store, total from submit to the end.',
      type: 'histogram',
      samples: split(monitor.durations, 'kind', 'phase'),
    },
    ...cacheFamilies(stats.cache, known),
  ];
}

function throttled(worker) {
  if (typeof worker.throttled !== 'function') return [];
  const keys = worker.throttled();
  const chats = keys.filter(({ chatId }) => chatId !== undefined).length;
  return [
    ['bot', keys.length - chats],
    ['chat', chats],
  ];
}

function cacheFamilies(cache, known) {
  if (cache === null || cache === undefined) return [];
  return [
    gauge('cache_bytes', 'Bytes that the download cache holds or has reserved.', known(cache.bytes)),
    counter('cache_hits', 'Reads that joined another download.', known(cache.hits)),
    counter('cache_misses', 'Downloads that were opened to be shared.', known(cache.misses)),
  ];
}

module.exports = { familiesOf };
