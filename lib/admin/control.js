'use strict';

const { failWith, shape, oneOf } = require('../options/check.js');
const { concurrency } = require('../options/executor.js');
const { Refusal, readJson, sendJson, fieldsOf } = require('./http.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

const anything = (value) => value;
const concurrencyBody = shape({ concurrency }, { required: ['concurrency'] });
const limitsBody = shape({ limits: anything }, { required: ['limits'] });
const stateBody = shape({ state: oneOf('queued', 'failed') }, { required: ['state'] });
const nothing = shape({});

async function body(req, form) {
  return form({ ...fieldsOf(await readJson(req)) }, '', invalid);
}

/** POST /control: the two actions of the hand-written route, with its answers. */
async function seedControl(req, res, { subject, changed }) {
  const action = await actionOf(req);
  if (action === 'stop') {
    // Transfers under way end by themselves; the answer does not wait for them.
    Promise.resolve(subject.stop()).then(changed, changed);
    changed();
    return sendJson(res, 200, { ok: true, message: 'Worker stopped', worker_running: false });
  }
  if (action === 'start') {
    if (subject.isRunning()) {
      return sendJson(res, 200, { ok: true, message: 'Worker already running', worker_running: true });
    }
    if (!(await subject.worker().databaseAnswers())) throw new Refusal(503, 'DATABASE_NOT_AVAILABLE');
    await subject.start();
    changed();
    return sendJson(res, 200, { ok: true, message: 'Worker started', worker_running: true });
  }
  throw new Refusal(400, 'INVALID_ACTION', 'action must be "start" or "stop"');
}

/** A body that is no object, or of another type, has no action: that route says the same of all of them. */
async function actionOf(req) {
  try {
    return (await readJson(req))?.action;
  } catch (err) {
    if (err.status === 415) return undefined;
    throw err;
  }
}

const answer = (res, { subject, changed }, more = {}) => {
  changed();
  sendJson(res, 200, { ok: true, mode: subject.worker().mode, ...more });
};

async function pause(req, res, context) {
  await body(req, nothing);
  await context.subject.worker().pause();
  answer(res, context);
}

async function resume(req, res, context) {
  await body(req, nothing);
  await context.subject.worker().resume();
  answer(res, context);
}

/** Does not wait for the end: `mode` and the numbers of GET /state tell when it is reached. */
async function drain(req, res, context) {
  await body(req, nothing);
  const worker = context.subject.worker();
  worker.drain().catch(() => {});
  answer(res, context, { left: worker.busy() });
}

async function setConcurrency(req, res, context) {
  const { concurrency: n } = await body(req, concurrencyBody);
  context.subject.worker().setConcurrency(n);
  answer(res, context, { concurrency: n });
}

function readLimits(_req, res, { subject }) {
  const worker = subject.worker();
  needs(worker.limits, 'limits');
  sendJson(res, 200, { ok: true, limits: worker.limits() });
}

/** What is not named keeps its value; `limits: false` switches pacing off. */
async function setLimits(req, res, context) {
  const worker = context.subject.worker();
  needs(worker.setLimits, 'limits');
  const { limits } = await body(req, limitsBody);
  worker.setLimits(limits);
  answer(res, context, { limits: worker.limits() });
}

function needs(method, what) {
  if (typeof method !== 'function') throw new Refusal(409, 'NOT_SUPPORTED', `this worker has no ${what}`);
}

async function purge(req, res, context) {
  const { state } = await body(req, stateBody);
  answer(res, context, { purged: await context.subject.worker().purge({ state }) });
}

module.exports = { seedControl, pause, resume, drain, setConcurrency, readLimits, setLimits, purge, body };
