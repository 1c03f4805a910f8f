'use strict';

const { shape, text, oneOf, failWith } = require('../options/check.js');
const { STATES } = require('../worker/jobs.js');
const { body } = require('./control.js');
const { Refusal, sendJson } = require('./http.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

const key = text({ max: 1024 });
const keyBody = shape({ key }, { required: ['key'] });
const retryBody = shape({ key, state: oneOf('failed') });

/** GET /jobs?state=&search=&limit=&cursor= */
async function list(_req, res, { subject, query }) {
  const wanted = {};
  for (const name of ['state', 'search', 'cursor']) if (query.has(name)) wanted[name] = query.get(name);
  // An empty choice in a form means all of them.
  if (wanted.state === '') delete wanted.state;
  if (wanted.state !== undefined && !STATES.includes(wanted.state))
    invalid('state', `must be one of ${STATES.join(', ')}`);
  if (query.has('limit')) {
    if (!/^\d{1,3}$/.test(query.get('limit'))) invalid('limit', 'must be an integer from 1 to 200');
    wanted.limit = Number(query.get('limit'));
  }
  const { items, nextCursor } = await subject.worker().jobs(wanted);
  sendJson(res, 200, { ok: true, items, nextCursor });
}

/** GET /jobs/explain?key= */
async function explain(_req, res, { subject, query }) {
  const wanted = key(query.get('key') ?? '', 'key', invalid);
  const explanation = await subject.worker().explain(wanted);
  if (explanation === null) throw unknown();
  sendJson(res, 200, { ok: true, explanation });
}

const unknown = () => new Refusal(404, 'JOB_NOT_FOUND', 'there is no such job, or it is over');

/** POST /jobs/retry { key }, or { state: 'failed' } for all of them. */
async function retry(req, res, { subject, changed }) {
  const given = await body(req, retryBody);
  const worker = subject.worker();
  if ((given.key === undefined) === (given.state === undefined)) invalid('body', 'must hold either key or state');
  if (given.state !== undefined) {
    const retried = await worker.retryFailed();
    changed();
    return sendJson(res, 200, { ok: true, retried });
  }
  const status = await worker.retry(given.key);
  if (status === 'unknown') throw unknown();
  changed();
  return sendJson(res, 200, { ok: true, retried: status === 'queued' ? 1 : 0, status });
}

/** POST /jobs/cancel { key } */
async function cancel(req, res, { subject, changed }) {
  const given = await body(req, keyBody);
  if (!(await subject.worker().cancel(given.key))) throw unknown();
  changed();
  sendJson(res, 200, { ok: true });
}

module.exports = { list, explain, retry, cancel };
