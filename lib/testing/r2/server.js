'use strict';

const { randomBytes } = require('node:crypto');
const { control, faultRoutes, isControl } = require('../control');
const { deliver, waitFor } = require('../deliver');
const { FaultBook } = require('../faults/book');
const { intake } = require('../intake');
const { Journal, timed } = require('../journal');
const { invalidOption, is, readOptions } = require('../options');
const { Sandbox, listen } = require('../server');
const { S3Refusal, errorXml } = require('./errors');
const { R2_FAULTS, spoil, spoilLate, xml } = require('./faults');
const { ObjectStore } = require('./objects');
const { operate, operationOf } = require('./operations');
const { displayKey, locate, queryPairs, splitTarget } = require('./url');
const { Verifier } = require('./verify');

const OPTIONS = {
  port: { ...is.port, default: 0 },
  host: { ...is.text, default: '127.0.0.1' },
  buckets: { ...is.list, default: ['media'] },
  credentials: is.list,
  tls: is.object,
  region: { ...is.text, default: 'auto' },
  storage: { ...is.text, default: 'memory' },
  now: { ...is.fn, default: Date.now },
  minPartBytes: { ...is.count, default: 5 * 1024 * 1024 },
  streamingSignatures: {
    check: (v) => v === 'refuse' || v === 'accept',
    hint: "'refuse' or 'accept'",
    default: 'refuse',
  },
  domain: { ...is.text, default: 'localhost' },
  journalLimit: { ...is.count, default: 20_000 },
};

/** An S3 server in the dialect of Cloudflare R2, on loopback. See index.d.ts for the whole description. */
class R2Sandbox extends Sandbox {
  #server;
  #store;
  #verifier;
  #options;

  static async start(options) {
    const read = readOptions('R2Sandbox.start', options, OPTIONS);
    read.credentials ??= [
      { accessKeyId: randomBytes(16).toString('hex'), secretAccessKey: randomBytes(32).toString('hex') },
    ];
    for (const one of read.credentials) {
      if (typeof one?.accessKeyId !== 'string' || typeof one?.secretAccessKey !== 'string') {
        throw invalidOption('R2Sandbox.start: each of credentials needs accessKeyId and secretAccessKey');
      }
    }
    const self = new R2Sandbox();
    self.#options = read;
    self.#verifier = new Verifier(read);
    self.#store = new ObjectStore(read.storage, read.buckets);
    self.credentials = read.credentials;
    self.requests = Journal.of(read.journalLimit);
    self.faults = new FaultBook(R2_FAULTS);
    self.#server = await listen(self, read, {
      handle: (req, res) => self.#handle(req, res),
      failure: (why) => xml(500, errorXml('InternalError', why)),
    });
    return self;
  }

  async put(bucket, key, bytes, properties) {
    const object = await this.#store.put(bucket, key, bytes, properties);
    return { etag: object.etag };
  }

  async get(bucket, key) {
    return this.#store.get(bucket, key);
  }

  reset() {
    this.#store.clear();
    this.faults.clear();
    this.requests.clear();
  }

  async close() {
    await super.close();
    if (this.#options.storage !== 'memory') this.#store.clear();
  }

  #routes() {
    return {
      ...faultRoutes(this.faults),
      'GET requests': () => this.requests,
      'DELETE requests': () => {
        this.requests.clear();
        return { ok: true };
      },
      'POST reset': () => {
        this.reset();
        return { ok: true };
      },
      'PUT objects': async ({ req, rest }) => {
        const chunks = [];
        for await (const chunk of req) chunks.push(chunk);
        const [bucket, ...key] = rest.split('/');
        return this.put(bucket, key.join('/'), Buffer.concat(chunks), { contentType: req.headers['content-type'] });
      },
    };
  }

  async #handle(req, res) {
    if (isControl(req.url)) return control(req, res, this.#routes());
    const { path, query } = splitTarget(req.url);
    const pairs = queryPairs(query);
    const { bucket, key } = locate(req.headers.host, path, this.#options.domain);
    const headers = withHoisted(req.headers, pairs);
    const request = { method: req.method, bucket, key, query: new Map(pairs), headers };
    const operation = operationOf(request);
    const entry = this.requests.add({
      seq: this.requests.nextSequence(),
      at: Date.now(),
      method: req.method,
      operation,
      bucket,
      key: displayKey(key),
      range: req.headers.range ?? null,
      ifMatch: req.headers['if-match'] ?? null,
      auth: null,
      accessKeyId: null,
      status: null,
      code: null,
      bytes: 0,
      faults: [],
    });
    timed(entry, req, res);
    const { answer, fault } = await this.#answer(req, { path, query }, request, entry);
    answer.headers = { 'x-amz-request-id': `S${entry.seq}`, Server: 'warmpath-r2-sandbox', ...answer.headers };
    // Nobody was there any more to get it.
    entry.status = req.socket.destroyed ? null : answer.status;
    entry.bytes = answer.body?.length ?? 0;
    if (req.method === 'HEAD') answer.bare = true;
    await deliver(this.#server, req, res, answer, fault);
  }

  /** The stages of a request: head, sender, body stage faults, the operation itself, answer stage faults. */
  async #answer(req, target, request, entry) {
    const { bucket, key } = request;
    const facts = { method: req.method, operation: entry.operation ?? undefined, bucket, key: entry.key };
    const take = async (stage) => {
      const due = this.faults.take(stage, facts, entry);
      for (const fault of [...due.modifiers, due.main]) if (fault) entry.faults.push(fault.kind);
      await waitFor(this.#server, due.modifiers);
      for (const fault of due.modifiers) {
        if (fault.kind === 'changeEtag' && this.#store.touchEtag(bucket, key)) fault.bite();
      }
      return due.main;
    };
    const early = await take('head');
    if (early && early.side !== 'request') return spoil(early);
    try {
      const who = await this.#verifier.verify({ method: req.method, ...target, rawHeaders: req.rawHeaders });
      entry.auth = who.mode;
      entry.accessKeyId = who.accessKeyId;
      const middle = await take('body');
      if (middle) return spoil(middle);
      const answer = await operate(this.#store, entry.operation, {
        ...request,
        body: intake(this.#server, req, early),
        payload: who.payload,
        chunks: who.chunks,
        minPartBytes: this.#options.minPartBytes,
      });
      return spoilLate(answer, await take('answer'));
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      entry.code = error.code;
      const details = { ...error.details, Resource: `/${bucket}/${entry.key}`, RequestId: `S${entry.seq}` };
      const answer = xml(error.status, errorXml(error.code, error.message, details));
      return spoilLate(answer, await take('answer'));
    }
  }
}

/**
 * A presigner writes headers into the query (an SDK does so with checksums and metadata); there they mean the same.
 * The parameters of the signature itself are none of them.
 */
function withHoisted(headers, pairs) {
  const out = { ...headers };
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    if (lower.startsWith('x-amz-') && !SIGNING.has(lower)) out[lower] ??= value;
  }
  return out;
}

const SIGNING = new Set(
  ['algorithm', 'credential', 'date', 'expires', 'signedheaders', 'signature', 'security-token', 'content-sha256'].map(
    (name) => `x-amz-${name}`,
  ),
);

module.exports = { R2Sandbox };
