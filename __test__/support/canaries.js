'use strict';

const { randomBytes } = require('node:crypto');
const { inspect } = require('node:util');
const { createLogger } = require('../..');

const random = (length) => randomBytes(length).toString('base64url').slice(0, length);

/** A secret in every form in which it could leave. */
function formsOf(secret) {
  const bytes = Buffer.from(secret);
  // Of base64 the part that does not depend on what stands around it.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  const hex = bytes.toString('hex');
  const forms = [secret, encodeURIComponent(secret), hex, hex.toUpperCase(), ...base64];
  // What stands in it as base64 is a secret in its own bytes too.
  const inner = /^(?:whsec_)?([A-Za-z0-9+/]{42}[A-Za-z0-9+/=]{2})$/.exec(secret);
  if (inner !== null) forms.push(inner[1], Buffer.from(inner[1], 'base64').toString('hex'));
  return forms;
}

const LOOK_AT = 1 << 20;

/**
 * Looks for secrets in all that it is given, a megabyte at a time, so that it holds no more than that of a long run.
 */
class Finder {
  #forms;
  #texts = [];
  #length = 0;
  /** Names of secrets that were found, each with the beginning of the form that was. */
  found = new Map();
  /** Characters that were looked at. */
  looked = 0;

  /** @param {Record<string, string>} secrets by name */
  constructor(secrets) {
    this.#forms = Object.entries(secrets).flatMap(([name, secret]) => formsOf(secret).map((form) => ({ name, form })));
  }

  add(text) {
    if (text === undefined) return;
    this.#texts.push(text);
    this.#length += text.length;
    if (this.#length > LOOK_AT) this.look();
  }

  look() {
    const text = this.#texts.join('\n');
    this.#texts = [];
    this.#length = 0;
    this.looked += text.length;
    for (const { name, form } of this.#forms) if (text.includes(form)) this.found.set(name, `${form.slice(0, 6)}…`);
    if (/X-Amz-Signature=[0-9a-f]/i.test(text)) this.found.set('a presigned URL', 'X-Amz-Signature=');
    return this.found;
  }
}

/** What an event hands back to the app but for the source of the app's own job, which is the app's to keep. */
function withoutSource(value) {
  if (value instanceof Error || value?.job?.source === undefined) return value;
  return { ...value, job: { ...value.job, source: undefined } };
}

/**
 * Looks at all that a worker says, as text: lines at trace level, observations, events, errors inspected and serialised.
 *
 * @param {Finder} finder
 */
function listen(finder) {
  const keep = (text) => finder.add(text);
  const look = (value) => {
    const error = value instanceof Error;
    keep(inspect(value, { depth: 8, showHidden: error }));
    keep(JSON.stringify(value));
    if (error) keep(`${value} ${value.stack}`);
  };
  const heard = { keep, look, lines: 0, problems: [] };
  const write = (line) => {
    heard.lines++;
    keep(line);
  };
  heard.options = {
    logger: createLogger({ level: 'trace', write }),
    observe: (...args) => keep(JSON.stringify(args)),
    onError: (err, context) => {
      look(err);
      look(context);
    },
  };
  heard.watch = (worker) => {
    worker.on('error', ({ message }) => heard.problems.push(message));
    for (const name of ['error', 'failed', 'retry', 'succeeded', 'window'])
      worker.on(name, (value) => look(withoutSource(value)));
  };
  heard.scrape = async (get, token) => {
    for (const path of [
      '/state',
      '/jobs',
      '/jobs?state=failed',
      '/metrics',
      '/metrics/prometheus?names=compat',
      '/health',
      '/instances',
      '/limits',
      '/openapi.json',
      '/jobs/explain?key=none',
      '/login',
      '/nothing',
      '/',
    ]) {
      const answer = await get(path, { token });
      keep(`${answer.text} ${JSON.stringify([...answer.headers])}`);
    }
  };
  /** The first event of the stream that the dashboard reads. */
  heard.stream = async (url, token) => {
    const reader = (await fetch(`${url}/events`, { headers: { authorization: `Bearer ${token}` } })).body.getReader();
    let text = '';
    while (!text.includes('data: ')) text += Buffer.from((await reader.read()).value).toString();
    await reader.cancel();
    keep(text);
  };
  return heard;
}

module.exports = { Finder, formsOf, listen, random };
