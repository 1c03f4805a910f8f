'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const pino = require('pino');
const { createLogger } = require('..');
const { logTo } = require('../lib/log/adapt.js');
const { redactText, redactValue } = require('../lib/log/redact.js');

const TOKEN = '123456789:AAF-canary_canary_canary_canary_12345';

describe('redaction', () => {
  it('takes out what looks like a secret, and leaves the rest as it is', () => {
    for (const [text, wanted] of [
      [
        `POST https://api.telegram.org/bot${TOKEN}/sendPhoto`,
        'POST https://api.telegram.org/bot123456789:[redacted]/sendPhoto',
      ],
      [`token ${TOKEN}.`, 'token 123456789:[redacted].'],
      [
        'https://b.r2.example/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Date=20261122T000000Z&X-Amz-Signature=0a1b2c&x=1',
        'https://b.r2.example/k?X-Amz-Credential=[redacted]&X-Amz-Date=20261122T000000Z&X-Amz-Signature=[redacted]&x=1',
      ],
      ['Authorization: Bearer canary-admin-token', 'Authorization: Bearer [redacted]'],
      ['Basic Y2FuYXJ5OmNhbmFyeQ==', 'Basic [redacted]'],
      ['AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=0a1b', 'AWS4-HMAC-SHA256 [redacted]'],
      ['postgres://user:canary@db:5432/x', 'postgres://user:[redacted]@db:5432/x'],
      ['key sk-or-v1-canarycanarycanary', 'key sk-or-[redacted]'],
      ['12:30:45 photo:0a1b2c kind:bot-1, 5:3', '12:30:45 photo:0a1b2c kind:bot-1, 5:3'],
      ['mail a@b.c, ratio 3:4, //host:80/path', 'mail a@b.c, ratio 3:4, //host:80/path'],
    ]) {
      assert.equal(redactText(text), wanted);
    }
  });

  it('knows secrets by the names of fields too, keeps shapes, and never follows a prototype', () => {
    const date = new Date(0);
    const error = Object.assign(new Error(`refused ${TOKEN}`), { code: 'E', config: { token: 'canary' } });
    const given = JSON.parse(
      '{"__proto__":{"a":1},"token":"canary","n":{"secret_access_key":"x","r2_secret":"canary","secretAccessKey":"canary"}}',
    );
    const clean = redactValue({
      given,
      error,
      date,
      list: [TOKEN, 5n],
      bytes: Buffer.from('canary'),
      token: null,
      bot_slug: 'a',
    });
    assert.doesNotMatch(JSON.stringify(clean), /canary/);
    assert.deepEqual(Object.keys(clean.given), ['__proto__', 'token', 'n']);
    assert.equal({}.a, undefined);
    assert.deepEqual(
      [clean.error, clean.date, clean.token, clean.bot_slug],
      [{ name: 'Error', message: 'refused 123456789:[redacted]', code: 'E', class: undefined }, date, null, 'a'],
    );
    const loop = {};
    loop.self = loop;
    assert.doesNotThrow(() => JSON.stringify(redactValue(loop)));
  });

  it('takes linear time on hostile text', () => {
    for (const part of ['1:', '//a:', 'Bearer ', 'X-Amz-Signature=', 'sk-', '1'.repeat(20), 'a@', '9:A']) {
      const text = part.repeat(200_000 / part.length);
      const startedAt = performance.now();
      redactText(text);
      assert.ok(performance.now() - startedAt < 5000, `${JSON.stringify(part)} took long`);
    }
  });
});

describe('loggers', () => {
  it('writes one JSON object a line, whichever argument comes first', () => {
    const lines = [];
    const logger = createLogger({ level: 'debug', write: (line) => lines.push(JSON.parse(line)) });
    logger.info('[TAG]', { a: 1, url: `x/bot${TOKEN}/y` });
    logger.warn({ a: 2 }, '[TAG]');
    logger.error('alone');
    logger.error(new Error(`no ${TOKEN}`));
    logger.trace('below');
    assert.deepEqual(
      lines.map(({ time: _, ...line }) => line),
      [
        { level: 'info', tag: '[TAG]', a: 1, url: 'x/bot123456789:[redacted]/y' },
        { level: 'warn', tag: '[TAG]', a: 2 },
        { level: 'error', tag: 'alone' },
        { level: 'error', err: { name: 'Error', message: 'no 123456789:[redacted]' } },
      ],
    );
    assert.ok(lines.every(({ time }) => new Date(time).toISOString() === time));
  });

  it('samples by turns, never warnings and errors; refuses what is no share', () => {
    const counts = { info: 0, warn: 0, debug: 0 };
    const write = (line) => counts[JSON.parse(line).level]++;
    const logger = createLogger({ level: 'debug', sample: { info: 0.25, debug: 0 }, write });
    for (let i = 0; i < 100; i++) for (const level of ['info', 'warn', 'debug']) logger[level]('x');
    assert.deepEqual(counts, { info: 25, warn: 100, debug: 0 });
    for (const sample of [{ info: 2 }, { info: Number.NaN }, { warn: 0.5 }, { info: '1' }]) {
      assert.throws(() => createLogger({ sample }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    }
  });

  it('gives console the tag first and pino the object, so that neither drops the fields', () => {
    const seen = [];
    const plain = { info: (...args) => seen.push(args) };
    logTo(plain)('info', '[A]', { n: 1 });
    logTo(plain)('info', '[B]');
    assert.deepEqual(seen, [['[A]', { n: 1 }], ['[B]']]);
    const lines = [];
    const logger = pino({ base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line)) });
    logTo(logger)('info', '[MEDIA][PREWARM][OK]', { n: 1, text: TOKEN });
    logTo(logger)('debug', '[MEDIA][PREWARM][START]', { n: 2 });
    assert.deepEqual(lines, [
      { level: 30, tag: '[MEDIA][PREWARM][OK]', n: 1, text: '123456789:[redacted]', msg: '[MEDIA][PREWARM][OK]' },
    ]);
  });

  it('lets no faulty logger stop a job', () => {
    const broken = {
      info() {
        throw new Error('disk full');
      },
    };
    logTo(broken)('info', '[A]', {});
    logTo(broken)('error', '[A]', {});
    logTo(undefined)('info', '[A]', {});
  });
});
