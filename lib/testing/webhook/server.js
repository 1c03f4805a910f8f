'use strict';

const { clockOf } = require('../clock');
const { control, faultRoutes, isControl } = require('../control');
const { exchange } = require('../exchange');
const { FaultBook } = require('../faults/book');
const { Journal } = require('../journal');
const { is, readOptions } = require('../options');
const { Sandbox, listen } = require('../server');
const { answerOf, Refusal } = require('./answers');
const { WEBHOOK_FAULTS, spoil } = require('./faults');
const { Ledger } = require('./ledger');
const { signatureProblem } = require('./signature');

const SHAPE = {
  port: { ...is.port, default: 0 },
  host: { ...is.text, default: '127.0.0.1' },
  tls: is.object,
  secret: is.text,
  authorization: is.text,
  toleranceMs: { ...is.count, default: 300_000 },
  onDuplicate: { check: (v) => v === 'ok' || v === 'conflict', hint: "'ok' or 'conflict'", default: 'ok' },
  latencyMs: { ...is.count, default: 0 },
  textOf: { ...is.fn, default: (body) => body?.text },
  keepTexts: { ...is.flag, default: true },
  maxBodyBytes: { ...is.positive, default: 1024 * 1024 },
  clock: { check: (v) => is.fn.check(v) || is.object.check(v), hint: 'a function or a clock' },
  journalLimit: { ...is.count, default: 20_000 },
};

/** A receiver of webhooks on loopback. See webhook.d.ts for the whole description. */
class WebhookSandbox extends Sandbox {
  #server;
  #options;
  #ledger;

  static async start(given) {
    const options = readOptions('WebhookSandbox.start', given, SHAPE);
    const clock = clockOf(options.clock);
    const self = new WebhookSandbox();
    self.requests = Journal.of(options.journalLimit);
    self.faults = new FaultBook(WEBHOOK_FAULTS);
    self.#options = options;
    self.#ledger = new Ledger(options);
    self.#server = await listen(
      self,
      { ...options, clock },
      {
        handle: (req, res) => (isControl(req.url) ? control(req, res, self.#routes()) : self.#serve(req, res)),
        failure: (why) => answerOf(500, why),
      },
    );
    return self;
  }

  get deliveries() {
    return this.#ledger.deliveries;
  }

  get violations() {
    return this.#ledger.violations;
  }

  delivery(key) {
    return this.#ledger.get(key);
  }

  reset() {
    this.faults.clear();
    this.requests.clear();
    this.#ledger.clear();
  }

  #serve(req, res) {
    const state = { body: null, seen: null };
    const protocol = {
      facts: ({ httpMethod, key }) => ({ method: httpMethod, key }),
      open: (_req, entry) => this.#open(req, entry),
      read: (bytes, entry) => this.#read(req, state, bytes, entry),
      perform: (entry) => this.#perform(state, entry),
      spoil: (fault) => spoil(fault),
      refusalOf: (error, entry) => {
        if (!(error instanceof Refusal)) return null;
        entry.error = error.message;
        return error.answer;
      },
    };
    const { maxBodyBytes } = this.#options;
    const room = { faults: this.faults, server: this.#server, maxBodyBytes };
    return exchange(protocol, room, this.#entry(req), req, res);
  }

  /** The line of a request in the journal: never the authorization, never the signature. */
  #entry(req) {
    return this.requests.add({
      seq: this.requests.nextSequence(),
      at: Date.now(),
      httpMethod: req.method,
      path: req.url.split('?')[0],
      key: req.headers['idempotency-key'] ?? req.headers['webhook-id'] ?? null,
      bytes: 0,
      accepted: false,
      duplicate: false,
      status: null,
      error: null,
      faults: [],
    });
  }

  #open(req, entry) {
    if (req.method !== 'POST') throw new Refusal(405, 'Method Not Allowed');
    const { authorization } = this.#options;
    if (authorization !== undefined && req.headers.authorization !== authorization) {
      throw new Refusal(401, 'the authorization is not right');
    }
    if (entry.key === null) {
      this.#ledger.violate('no-key', null, entry.at);
      throw new Refusal(400, 'the request has no idempotency-key');
    }
  }

  #read(req, state, bytes, entry) {
    const { secret, toleranceMs, maxBodyBytes } = this.#options;
    if (bytes === null) throw new Refusal(413, `the body has more than ${maxBodyBytes} bytes`);
    entry.bytes = bytes.length;
    if (secret !== undefined) {
      const { headers } = req;
      const problem = signatureProblem({ secret, headers, body: bytes, toleranceMs, now: Date.now() });
      if (problem !== null) throw new Refusal(401, problem);
    }
    try {
      state.body = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw new Refusal(400, 'the body is not JSON');
    }
    // Before any fault: what a sender repeats must be the same, whatever it was answered.
    state.seen = this.#ledger.see(entry.key, bytes, state.body, entry.at);
  }

  async #perform({ seen: { delivery, known } }, entry) {
    const { latencyMs, onDuplicate } = this.#options;
    if (latencyMs > 0) await this.#server.sleep(latencyMs);
    if (known === 'other') throw new Refusal(422, 'this idempotency key came with another body before');
    if (delivery.acceptedAt !== null) {
      entry.duplicate = true;
      return onDuplicate === 'conflict' ? answerOf(409, 'delivered before') : answerOf(200, 'delivered before');
    }
    delivery.acceptedAt = Date.now();
    entry.accepted = true;
    return answerOf(200, 'accepted');
  }

  #routes() {
    const done = (action) => () => {
      action();
      return { ok: true };
    };
    return {
      ...faultRoutes(this.faults),
      'GET deliveries': () => this.deliveries,
      'GET violations': () => this.violations,
      'GET requests': () => this.requests,
      'DELETE requests': done(() => this.requests.clear()),
      'POST reset': done(() => this.reset()),
    };
  }
}

module.exports = { WebhookSandbox };
