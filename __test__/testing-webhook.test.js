'use strict';

const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const { after, afterEach, before, describe, it } = require('node:test');
const { WebhookSandbox, mixWebhook } = require('../lib/testing');
const { call } = require('./support/telegram');

const KEY = Buffer.from('a secret of thirty-two bytes now');
const SECRET = `whsec_${KEY.toString('base64')}`;

/** A request as Standard Webhooks signs it, written from the specification and not from the sandbox. */
function signed(id, body, { at = Date.now(), key = KEY } = {}) {
  const text = JSON.stringify(body);
  const timestamp = String(Math.floor(at / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest('base64');
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
    'idempotency-key': id,
  };
  return { headers, chunks: [text] };
}

describe('WebhookSandbox', () => {
  let hook;
  const send = (id, text = 'hello', options = {}) => call(`${hook.url}/in`, signed(id, { text }, options));
  before(async () => {
    hook = await WebhookSandbox.start({ secret: SECRET });
  });
  afterEach(() => hook.reset());
  after(() => hook.close());

  it('accepts each key once, and records every time it came', async () => {
    assert.equal((await send('k1', 'one')).status, 200);
    assert.equal((await send('k1', 'one')).status, 200);
    assert.equal((await send('k2', 'two')).status, 200);
    const [first, second] = hook.deliveries;
    assert.deepEqual([first.text, first.times.length, second.text, second.times.length], ['one', 2, 'two', 1]);
    assert.ok(first.acceptedAt >= first.times[0] && first.acceptedAt <= first.times[1]);
    assert.deepEqual(
      hook.requests.map(({ accepted }) => accepted),
      [true, false, true],
    );
  });

  it('tells of a key that comes with another body, even where it was never accepted', async () => {
    const fault = hook.faults.add({ name: 'internal' });
    assert.equal((await send('k', 'one')).status, 500);
    assert.equal(fault.bites, 1);
    assert.equal((await send('k', 'two')).status, 422);
    assert.deepEqual(
      hook.violations.map(({ kind, key }) => [kind, key]),
      [['other-body', 'k']],
    );
  });

  it('answers 409 where it is asked to', async () => {
    const other = await WebhookSandbox.start({ onDuplicate: 'conflict' });
    const post = () => call(other.url, signed('k', { text: 'x' }));
    assert.deepEqual([(await post()).status, (await post()).status], [200, 409]);
    await other.close();
  });

  for (const [what, options] of [
    ['signed with another key', { key: Buffer.from('another') }],
    ['of ten minutes ago', { at: Date.now() - 600_000 }],
    ['of in ten minutes', { at: Date.now() + 600_000 }],
  ]) {
    it(`refuses a request ${what}`, async () => {
      assert.equal((await send('k', 'x', options)).status, 401);
      assert.deepEqual(hook.deliveries, []);
    });
  }

  it('refuses a changed body, a missing signature, no key, and what is no JSON', async () => {
    const { headers } = signed('k', { text: 'x' });
    const status = async (more) => (await call(hook.url, { headers, chunks: ['{"text":"x"}'], ...more })).status;
    assert.equal(await status({}), 200);
    assert.equal(await status({ chunks: ['{"text":"y"}'] }), 401);
    const { 'webhook-signature': _, ...unsigned } = headers;
    assert.equal(await status({ headers: unsigned }), 401);
    const { 'idempotency-key': __, 'webhook-id': ___, ...keyless } = headers;
    assert.equal(await status({ headers: keyless }), 400);
    const { headers: own } = signed('k3', 'text');
    assert.equal((await call(hook.url, { headers: own, chunks: ['text'] })).status, 401);
    assert.deepEqual(
      hook.violations.map(({ kind }) => kind),
      ['no-key'],
    );
  });

  it('takes one of several signatures, as when a secret is being changed', async () => {
    const { headers, chunks } = signed('k', { text: 'x' });
    headers['webhook-signature'] = `v1,${Buffer.alloc(32).toString('base64')} ${headers['webhook-signature']}`;
    assert.equal((await call(hook.url, { headers, chunks })).status, 200);
  });

  for (const [name, status, accepted] of [
    ['internal', 500, false],
    ['internal-html', 502, false],
    ['unavailable', 503, false],
    ['rate-limited', 429, false],
    ['gone', 410, false],
    ['redirect', 307, false],
    ['error-after-accept', 500, true],
    ['gateway-timeout-after-accept', 504, true],
    ['conflict', 409, true],
    ['conflict-without-accept', 409, false],
    ['reset-after-accept', null, true],
    ['reset-after-body', null, false],
    ['empty', 200, true],
  ]) {
    it(`fault ${name}`, async () => {
      const fault = hook.faults.add({ name, nth: 2 });
      assert.equal((await send('before')).status, 200);
      const answer = await send('k');
      assert.deepEqual([answer.status, fault.bites], [status, 1]);
      assert.equal(hook.delivery('k')?.acceptedAt !== null, accepted);
      assert.equal((await send('k')).status, 200);
      assert.deepEqual([hook.delivery('k').times.length, hook.violations.length], [2, 0]);
    });
  }

  it('accepts, and never answers', async () => {
    const fault = hook.faults.add({ name: 'timeout-after-accept', match: { key: 'k' } });
    const controller = new AbortController();
    const { headers, chunks } = signed('k', { text: 'x' });
    const answer = fetch(hook.url, { method: 'POST', headers, body: chunks[0], signal: controller.signal });
    await fault.bitten();
    controller.abort();
    await assert.rejects(answer, { name: 'AbortError' });
    assert.notEqual(hook.delivery('k').acceptedAt, null);
  });

  it('draws the same mix under the same seed', async () => {
    const runs = [];
    for (let i = 0; i < 2; i++) {
      hook.reset();
      hook.faults.mix({ ...mixWebhook(11), percent: { ...mixWebhook(11).percent, timeoutAfterAccept: 0 } });
      const run = [];
      for (let n = 0; n < 100; n++) run.push((await send(`k${n}`)).status);
      runs.push(run);
    }
    assert.deepEqual(runs[0], runs[1]);
    assert.ok(new Set(runs[0]).size > 3);
  });
});
