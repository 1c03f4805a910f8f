'use strict';

const { clockOf } = require('../clock');
const { control, faultRoutes, isControl } = require('../control');
const { FaultBook } = require('../faults/book');
const { Journal } = require('../journal');
const { Sandbox, listen } = require('../server');
const { Accounts } = require('./accounts');
const { refusal } = require('./errors');
const { OPENROUTER_FAULTS } = require('./faults');
const { serve } = require('./http');
const { readModel, readOpenRouterOptions } = require('./options');

/** Chat completions as OpenRouter serves them, on loopback. See openrouter.d.ts for the whole description. */
class OpenRouterSandbox extends Sandbox {
  #server;
  #room;
  #numbers = 0;

  static async start(given) {
    const options = readOpenRouterOptions(given);
    const clock = clockOf(options.clock);
    const self = new OpenRouterSandbox();
    self.requests = Journal.of(options.journalLimit);
    self.completions = Journal.of(options.journalLimit);
    self.faults = new FaultBook(OPENROUTER_FAULTS);
    const anyModel = readModel('any', {});
    self.#room = {
      options,
      faults: self.faults,
      requests: self.requests,
      completions: self.completions,
      maxBodyBytes: options.maxBodyBytes,
      accounts: new Accounts({ ...options, clock }),
      nextNumber: () => {
        self.#numbers += 1;
        return self.#numbers;
      },
      changed: new Map(),
      modelOf: (name) =>
        self.#room.changed.get(name) ?? (options.models === undefined ? anyModel : (options.models.get(name) ?? null)),
    };
    self.#server = await listen(
      self,
      { ...options, clock },
      {
        handle: (req, res) =>
          isControl(req.url) ? control(req, res, self.#routes()) : serve(self.#room, self.#server, req, res),
        failure: (why) => refusal(500, `Internal Server Error: ${why}`),
      },
    );
    return self;
  }

  get baseUrl() {
    return `${this.url}/api/v1`;
  }

  addKey(key) {
    this.#room.accounts.add(key);
  }

  setModel(name, model) {
    this.#room.changed.set(name, readModel(name, model));
  }

  usage() {
    return this.#room.accounts.usage();
  }

  limitStats() {
    return this.#room.accounts.stats();
  }

  reset() {
    this.faults.clear();
    this.requests.clear();
    this.completions.clear();
    this.#room.accounts.reset();
  }

  #routes() {
    const done = (action) => () => {
      action();
      return { ok: true };
    };
    return {
      ...faultRoutes(this.faults),
      'GET requests': () => this.requests,
      'DELETE requests': done(() => this.requests.clear()),
      'GET completions': () => this.completions,
      'DELETE completions': done(() => this.completions.clear()),
      'GET usage': () => this.usage(),
      'GET limits': () => this.limitStats(),
      'POST keys': async ({ body }) => {
        this.addKey(await body());
        return { ok: true };
      },
      'POST models': async ({ body }) => {
        const { name, ...model } = await body();
        this.setModel(String(name), model);
        return { ok: true };
      },
      'POST reset': done(() => this.reset()),
    };
  }
}

module.exports = { OpenRouterSandbox };
