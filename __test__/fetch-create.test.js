'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { Readable } = require('node:stream');
const { after, before, beforeEach, describe, it } = require('node:test');
const { createFetch } = require('..');

describe('createFetch', () => {
  let server;
  let url;
  let script;
  let seen;
  let open;
  let mostOpen;

  before(async () => {
    server = http.createServer(async (req, res) => {
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      seen.push({ method: req.method, body: Buffer.concat(chunks).toString(), at: performance.now() });
      open += 1;
      mostOpen = Math.max(mostOpen, open);
      res.once('close', () => {
        open -= 1;
      });
      const step = script[Math.min(seen.length, script.length) - 1];
      step(res, req);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${server.address().port}/`;
  });
  beforeEach(() => {
    seen = [];
    open = 0;
    mostOpen = 0;
    script = [ok];
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const ok = (res) => res.end('{"ok":true}');
  const answer =
    (status, headers = {}) =>
    (res) => {
      res.writeHead(status, headers);
      res.end('no');
    };
  const cutHead = (res) => res.socket.destroy();
  const never = () => {};
  const hangInBody = (res) => res.write('{"ok":');
  const drip = (res) => {
    const timer = setInterval(() => res.write(' '), 5);
    res.once('close', () => clearInterval(timer));
  };
  const fast = { baseMs: 1, maxMs: 2 };

  describe('the deadline', () => {
    for (const [what, step] of [
      ['no head', never],
      ['half a body', hangInBody],
      ['a body that never ends', drip],
    ]) {
      it(`covers ${what}`, async () => {
        script = [step];
        const fetch = createFetch({ totalTimeoutMs: 150 });
        await assert.rejects(async () => (await fetch(url)).json(), { name: 'TimeoutError' });
        assert.deepEqual([fetch.stats().timeouts, fetch.stats().running], [1, 0]);
      });
    }

    it('covers a body below a fetch that knows no signals', async () => {
      const deaf = async () => new Response(new ReadableStream({}));
      await assert.rejects(async () => (await createFetch({ totalTimeoutMs: 50, fetch: deaf })(url)).text(), {
        name: 'TimeoutError',
      });
    });

    it('covers the waits between tries, and hands on what there is', async () => {
      script = [answer(503, { 'retry-after': '3600' })];
      const res = await createFetch({ totalTimeoutMs: 500 })(url);
      assert.deepEqual([res.status, await res.text(), seen.length], [503, 'no', 1]);
    });

    it('of one try lets the next one go on', async () => {
      script = [never, ok];
      const fetch = createFetch({ attemptTimeoutMs: 100, retry: fast });
      assert.deepEqual(await (await fetch(url)).json(), { ok: true });
      assert.equal(seen.length, 2);
    });

    it('leaves nothing behind', async () => {
      const controller = new AbortController();
      let listeners = 0;
      const { signal } = controller;
      for (const [name, by] of [
        ['addEventListener', 1],
        ['removeEventListener', -1],
      ]) {
        const original = signal[name].bind(signal);
        signal[name] = (...args) => {
          listeners += by;
          return original(...args);
        };
      }
      const fetch = createFetch();
      for (let i = 0; i < 5; i++) await (await fetch(url, { signal })).text();
      const cancelled = await fetch(url, { signal });
      await cancelled.body.cancel();
      assert.equal(listeners, 0);
      assert.equal(fetch.stats().running, 0);
    });
  });

  describe('the caller', () => {
    it('aborts before, during and in the body, and sees its own reason', async () => {
      const fetch = createFetch({ retry: fast });
      const reason = new Error('enough');
      await assert.rejects(fetch(url, { signal: AbortSignal.abort(reason) }), reason);
      assert.equal(seen.length, 0);
      script = [never];
      const during = new AbortController();
      const call = fetch(url, { signal: during.signal });
      while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
      during.abort(reason);
      await assert.rejects(call, reason);
      script = [hangInBody];
      const inBody = new AbortController();
      const res = await fetch(url, { signal: inBody.signal });
      const text = res.text();
      inBody.abort(reason);
      await assert.rejects(text, reason);
      assert.deepEqual([seen.length, fetch.stats().running], [2, 0], 'an abort is no failure to be repeated');
    });

    it('gets the response as fetch gives it', async () => {
      script = [answer(404, { 'x-y': 'z' })];
      const fetch = createFetch();
      const res = await fetch(url);
      assert.ok(res instanceof Response);
      assert.deepEqual(
        [res.status, res.ok, res.url, res.redirected, res.headers.get('x-y')],
        [404, false, url, false, 'z'],
      );
      assert.equal(await res.clone().text(), 'no');
      script = [answer(204)];
      assert.equal((await fetch(url)).body, null);
      assert.equal((await fetch(url, { method: 'HEAD' })).body, null);
    });
  });

  describe('retries', () => {
    for (const status of [408, 425, 429, 500, 502, 503, 504, 529]) {
      it(`repeats a GET after ${status}`, async () => {
        script = [answer(status), answer(status), ok];
        const fetch = createFetch({ retry: fast });
        assert.equal((await fetch(url)).status, 200);
        assert.deepEqual([seen.length, fetch.stats().retries, fetch.stats().attempts], [3, 2, 3]);
      });
    }

    for (const status of [400, 401, 402, 404, 409, 422]) {
      it(`does not repeat after ${status}`, async () => {
        script = [answer(status), ok];
        assert.equal((await createFetch({ retry: fast })(url)).status, status);
        assert.equal(seen.length, 1);
      });
    }

    it('repeats after a broken connection, as often as it may', async () => {
      script = [cutHead];
      await assert.rejects(createFetch({ retry: { ...fast, quick: 2 } })(url), TypeError);
      assert.equal(seen.length, 3);
    });

    for (const [what, init, times] of [
      ['a POST', { method: 'POST', body: 'x' }, 1],
      ['a POST with an idempotency key', { method: 'POST', body: 'x', headers: { 'Idempotency-Key': 'k' } }, 2],
      ['a PUT', { method: 'put', body: 'x' }, 2],
      ['a form', { method: 'PUT', body: new URLSearchParams({ a: '1' }) }, 2],
      ['bytes', { method: 'PUT', body: new Uint8Array([120]) }, 2],
      ['a stream', { method: 'PUT', body: new Blob(['x']).stream() }, 1],
      ['a stream of Node', { method: 'PUT', body: Readable.from(['x']) }, 1],
    ]) {
      it(`sends ${what} ${times === 1 ? 'once' : 'again, with the same body'}`, async () => {
        script = [answer(500), ok];
        const res = await createFetch({ retry: fast })(url, init);
        assert.equal(res.status, times === 1 ? 500 : 200);
        assert.equal(seen.length, times);
        assert.equal(new Set(seen.map(({ body }) => body)).size, 1);
      });
    }

    it('sends a POST again where it was told that it may', async () => {
      script = [answer(500), ok];
      const res = await createFetch({ retry: { ...fast, methods: ['POST'] } })(url, { method: 'POST', body: 'x' });
      assert.equal(res.status, 200);
    });

    it('reads a Request, and sends its body once', async () => {
      script = [answer(500), ok];
      const fetch = createFetch({ retry: { ...fast, methods: ['POST', 'GET'] } });
      assert.equal((await fetch(new Request(url, { method: 'POST', body: 'x' }))).status, 500);
      script = [answer(500), answer(500), ok];
      assert.equal((await fetch(new Request(url))).status, 200);
    });

    it('repeats any request that never left', async () => {
      let calls = 0;
      const refused = async () => {
        calls += 1;
        throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
      };
      await assert.rejects(createFetch({ retry: fast, fetch: refused })(url, { method: 'POST', body: 'x' }), TypeError);
      assert.equal(calls, 4);
    });

    for (const [what, headers] of [
      ['retry-after-ms', () => ({ 'retry-after-ms': '120' })],
      ['Retry-After', () => ({ 'retry-after': '0.12' })],
      ['a date', () => ({ 'retry-after': new Date(Date.now() + 2000).toUTCString() })],
      ['X-RateLimit-Reset in ms', () => ({ 'x-ratelimit-reset': String(Date.now() + 120) })],
    ]) {
      it(`waits at least as long as ${what} says`, async () => {
        let until;
        script = [
          (res) => {
            const given = headers();
            until = given['retry-after']?.endsWith('GMT') ? Date.parse(given['retry-after']) : Date.now() + 119;
            answer(429, given)(res);
          },
          ok,
        ];
        await createFetch({ retry: fast })(url);
        assert.equal(seen.length, 2);
        assert.ok(Date.now() >= until - 2);
      });
    }

    it('never', async () => {
      script = [answer(500), ok];
      assert.equal((await createFetch({ retry: false })(url)).status, 500);
    });
  });

  describe('limits', () => {
    it('lets so many in at once, until their bodies are read', async () => {
      script = [(res) => setTimeout(() => ok(res), 10)];
      const fetch = createFetch({ limits: { concurrency: 2 } });
      await Promise.all(Array.from({ length: 8 }, async () => (await fetch(url)).text()));
      assert.deepEqual([seen.length, mostOpen], [8, 2]);
      const held = [await fetch(url), await fetch(url)];
      const third = fetch(url);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(fetch.stats().waiting, 1);
      await held[0].text();
      await (await third).text();
      await held[1].text();
    });

    it('lets so many in a period, whoever asks', async () => {
      // Departures: arrivals bunch up in a process that is busy.
      const times = [];
      const base = (...args) => {
        times.push(performance.now());
        return globalThis.fetch(...args);
      };
      const fetch = createFetch({ limits: { requests: { limit: 3, periodMs: 150 } }, fetch: base });
      await Promise.all(Array.from({ length: 8 }, async () => (await fetch(url)).text()));
      for (let i = 3; i < times.length; i++) assert.ok(times[i] - times[i - 3] > 100, `${times[i] - times[i - 3]} ms`);
    });

    it('holds up all requests of a key after a 429, and no others', async () => {
      script = [answer(429, { 'retry-after-ms': '150' }), ok];
      const key = (_url, { headers }) => headers.account;
      const fetch = createFetch({ retry: fast, limits: { key } });
      const get = async (account) => {
        await (await fetch(url, { headers: { account } })).text();
        return performance.now();
      };
      const first = get('a');
      while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const [told, other, same] = await Promise.all([first, get('b'), get('a')]);
      assert.ok(other < told && other < same);
      assert.ok(seen.at(-1).at - seen[0].at >= 145);
    });

    it('lets a caller leave the line', async () => {
      script = [never];
      const fetch = createFetch({ limits: { concurrency: 1 } });
      const controller = new AbortController();
      const held = fetch(url, { signal: controller.signal });
      await assert.rejects(fetch(url, { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
      assert.equal(fetch.stats().waiting, 0);
      controller.abort();
      await assert.rejects(held, { name: 'AbortError' });
    });
  });

  for (const options of [
    { totalTimeoutMs: 0 },
    { retry: { quick: -1 } },
    { retry: { baseMs: 5000 } },
    { retry: { methods: ['post'] } },
    { limits: { requests: { limit: 1 } } },
    { timeout: 5 },
  ]) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => createFetch(options), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    });
  }
});
