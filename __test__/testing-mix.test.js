'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, afterEach, before, describe, it } = require('node:test');
const { SigV4Signer } = require('..');
const { R2Sandbox, TelegramSandbox, mixF } = require('../lib/testing');
const { FaultBook } = require('../lib/testing/faults/book');
const { R2_FAULTS } = require('../lib/testing/r2/faults');
const { TELEGRAM_FAULTS } = require('../lib/testing/telegram/faults');
const { FORM, TOKEN, call, documentOf } = require('./support/telegram');

/** Mix F as it is written down, per request. */
const PERCENT = {
  resetBeforeHead: 5,
  midBodyReset: 3,
  truncated: 3,
  throttled: 5,
  serverError: 5,
  stall: 2,
  trickle: 1,
  malformed: 1,
  empty: 1,
  denied: 0.5,
  redirect: 1,
  gzipBomb: 0.5,
};

const SEED = 20_261_122;

describe('mix F', () => {
  for (const [name, protocol] of Object.entries({ R2: R2_FAULTS, Telegram: TELEGRAM_FAULTS })) {
    it(`has its percentages on ${name}, in the same places for the same seed`, () => {
      const draw = (seed, n) => {
        const book = new FaultBook(protocol);
        const mix = book.mix(mixF(seed));
        const kinds = [];
        for (let i = 0; i < n; i += 1) {
          const request = {};
          book.take('head', {}, request);
          const fault = mix.drawn(request);
          kinds.push(fault ? JSON.stringify({ ...fault, taken: 0 }) : '');
        }
        return { mix, kinds };
      };
      assert.deepEqual(mixF(1), { seed: 1, percent: PERCENT });
      const n = 20_000;
      const { mix, kinds } = draw(SEED, n);
      assert.deepEqual(draw(SEED, 3000).kinds, kinds.slice(0, 3000));
      assert.notDeepEqual(draw(SEED + 1, 3000).kinds, kinds.slice(0, 3000));
      assert.equal(mix.seen, n);
      for (const [kind, percent] of Object.entries(PERCENT)) {
        const expected = (n * percent) / 100;
        // Four standard deviations of a binomial; the seed is fixed, so this cannot come and go.
        const bound = 4 * Math.sqrt(expected * (1 - percent / 100));
        assert.ok(Math.abs(mix.counts[kind].drawn - expected) < bound, `${kind}: ${mix.counts[kind].drawn}`);
      }
      const errors = kinds.filter((one) => /"status":50/.test(one));
      const html = errors.filter((one) => one.includes('"html":true'));
      assert.ok(Math.abs(html.length / errors.length - 0.5) < 0.05, 'half of the server errors are HTML');
    });
  }

  it('refuses nonsense', () => {
    const { faults } = { faults: new FaultBook(R2_FAULTS) };
    for (const mix of [
      undefined,
      { seed: 1 },
      { seed: 0.5, percent: {} },
      { seed: 1, percent: { resets: 5 } },
      { seed: 1, percent: { stall: 60, empty: 41 } },
      { seed: 1, percent: { stall: -1 } },
      { seed: 1, percent: {}, match: { nothing: 1 } },
    ]) {
      assert.throws(() => faults.mix(mix), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    }
  });
});

describe('mix F bites', () => {
  let tg;
  let r2;
  const bytes = randomBytes(20_000);
  before(async () => {
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false });
    r2 = await R2Sandbox.start();
    await r2.put('media', 'object', bytes);
  });
  afterEach(() => {
    tg.faults.clear();
    r2.faults.clear();
  });
  after(() => Promise.all([tg.close(), r2.close()]));

  /** Sends until every kind has bitten; a stalled one is given up at once. */
  async function bite(faults, send) {
    // More of everything than in F, so that few requests do.
    const mix = faults.mix({ seed: SEED, percent: Object.fromEntries(Object.keys(PERCENT).map((name) => [name, 7])) });
    const missing = () => Object.keys(PERCENT).filter((name) => mix.counts[name].bites === 0);
    for (let i = 0; missing().length > 0; i += 1) {
      assert.ok(i < 1000, `never bitten: ${missing()}`);
      await send();
    }
    const { drawn, bites } = mix.counts.serverError;
    assert.ok(drawn >= bites);
  }
  const TIMEOUT_MS = 40;
  const impatient = (url, options) =>
    call(url, { ...options, onRequest: (req) => setTimeout(() => req.destroy(), TIMEOUT_MS).unref() });

  it('on Telegram', async () => {
    let chat = 0;
    await bite(tg.faults, () => {
      // A new one each time: a chat that was throttled stays so for a while.
      chat += 1;
      const body = documentOf(bytes, chat);
      const headers = { ...FORM, 'content-length': body.length };
      return impatient(`${tg.url}/bot${TOKEN}/sendDocument`, { headers, chunks: [body] });
    });
    assert.ok(tg.received.length > 0);
  });

  it('on R2', async () => {
    const signer = new SigV4Signer(r2.credentials[0]);
    const url = signer.presign({ method: 'GET', url: `${r2.url}/media/object` });
    await bite(r2.faults, () => impatient(url, { method: 'GET' }));
  });

  it('leaves alone what does not match, and can be set over HTTP', async () => {
    const answer = await call(`${tg.url}/__sandbox/mixes`, {
      chunks: [JSON.stringify({ seed: 1, percent: { throttled: 100 }, match: { apiMethod: 'sendDocument' } })],
    });
    assert.equal(answer.status, 200);
    assert.equal((await tg.call('sendMessage', { chat_id: 1, text: 'x' })).status, 200);
    assert.equal((await tg.call('sendDocument', { chat_id: 1, document: { size: 1 } })).status, 429);
    const [mix] = (await call(`${tg.url}/__sandbox/mixes`, { method: 'GET' })).json;
    assert.deepEqual([mix.seen, mix.counts.throttled], [1, { drawn: 1, bites: 1 }]);
  });
});
