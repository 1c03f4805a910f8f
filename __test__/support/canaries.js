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

/** What an event hands back to the app but for the source of the app's own job, which is the app's to keep. */
function withoutSource(value) {
  if (value instanceof Error || value?.job?.source === undefined) return value;
  return { ...value, job: { ...value.job, source: undefined } };
}

/** Keeps all that a worker says, as text: lines at trace level, observations, events, errors inspected and serialised. */
function listen() {
  const texts = [];
  const keep = (text) => texts.push(text);
  const look = (value) => {
    const error = value instanceof Error;
    keep(inspect(value, { depth: 8, showHidden: error }));
    keep(JSON.stringify(value));
    if (error) keep(`${value} ${value.stack}`);
  };
  const heard = { texts, keep, look, lines: 0 };
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
      '/login',
      '/nothing',
    ]) {
      const answer = await get(path, { token });
      keep(`${answer.text} ${JSON.stringify([...answer.headers])}`);
    }
  };
  return heard;
}

module.exports = { formsOf, listen, random };
