'use strict';

const { EventEmitter } = require('node:events');
const { campaignPartKey } = require('../../lib/campaign/key.js');
const { retryHint } = require('../../lib/fetch/hint.js');
const { splitText } = require('../../lib/testing/openrouter/text.js');

const CLASSES = {
  401: 'config',
  402: 'config',
  429: 'throttled',
  400: 'permanent',
  404: 'permanent',
  410: 'permanent',
};
const timings = { queue: 0, download: 0, upload: 0, answer: 0, total: 0 };

/**
 * The face of CampaignExecutor with confirmParts, in plain JavaScript and without its strengths: what the worker on top of it is
 * tested with, beside the native one, so that a fault of one is not taken for a fault of the other. Talks to real servers.
 */
class ReferenceCampaign extends EventEmitter {
  #options;
  #jobs = new Map();
  #running = 0;
  #closed = false;

  constructor(options) {
    super();
    this.#options = options;
  }

  submit(job) {
    if (this.#closed) throw new Error('closed');
    if (this.#jobs.has(job.key)) return 'duplicate';
    const controller = new AbortController();
    this.#jobs.set(job.key, { job, state: 'queued', controller, confirmed: -1, onConfirm: () => {} });
    this.#look();
    return 'queued';
  }

  #look() {
    for (const entry of this.#jobs.values()) {
      if (this.#running >= this.#options.concurrency) return;
      if (entry.state !== 'queued') continue;
      entry.state = 'running';
      this.#running += 1;
      this.#run(entry).then((outcome) => {
        this.#jobs.delete(entry.job.key);
        this.#running -= 1;
        const accounting = { attempts: 1, charged: true, possibleDuplicates: 0, bytes: 0, timings };
        this.emit('settled', [{ ...accounting, ...outcome, key: entry.job.key }]);
        this.#look();
      });
    }
  }

  async #run(entry) {
    const { job, controller } = entry;
    try {
      const value = await (job.step === 'generate' ? this.#generate(job, controller.signal) : this.#deliver(entry));
      return { status: 'succeeded', value };
    } catch (err) {
      if (controller.signal.aborted) {
        const error = { code: 'ERR_WARMPATH_CANCELLED', class: 'cancelled', message: 'cancelled' };
        return { status: 'failed', error, charged: false };
      }
      const error = {
        code: 'ERR_TEST',
        class: err.class ?? 'transient',
        message: err.message,
        retryAfterMs: err.retryAfterMs,
      };
      return { status: 'failed', error, charged: error.class !== 'throttled' };
    }
  }

  async #post(url, headers, body, signal, timeoutMs) {
    const res = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await res.text();
    if (!res.ok && res.status !== 409) {
      const retryAfterMs = retryHint(res.headers, res.status) ?? undefined;
      throw Object.assign(new Error(`status ${res.status}`), { class: CLASSES[res.status], retryAfterMs });
    }
    return { status: res.status, text };
  }

  async #generate(job, signal) {
    const { llm, timeouts } = this.#options;
    const headers = { authorization: `Bearer ${llm.apiKey}` };
    const body = { model: llm.models[0], messages: job.messages };
    const { text } = await this.#post(`${llm.baseUrl}/chat/completions`, headers, body, signal, timeouts.generateMs);
    const { choices, usage, model } = JSON.parse(text);
    const content = choices?.[0]?.finish_reason === 'stop' ? choices[0].message.content?.trim() : '';
    if (!content) throw new Error('no text');
    const counted = { totalTokens: usage.total_tokens, cost: usage.cost };
    return {
      step: 'generate',
      text: content,
      parts: splitText(content),
      usage: counted,
      model,
      generationMs: 1,
      splitMs: 1,
    };
  }

  async #deliver(entry) {
    const { job, controller } = entry;
    const { webhook, timeouts } = this.#options;
    for (let part = job.from ?? 0; part < job.parts.length; part++) {
      const { campaignId, messageId, parts, recipient } = job;
      const idempotencyKey = campaignPartKey(campaignId, messageId, part);
      const body = { campaignId, messageId, part, parts: parts.length, text: parts[part], idempotencyKey, recipient };
      const headers = { 'idempotency-key': idempotencyKey };
      const { status } = await this.#post(webhook.url, headers, body, controller.signal, timeouts.deliverMs);
      const event = {
        key: job.key,
        campaignId,
        messageId,
        part,
        idempotencyKey,
        repeated: status === 409,
        attempts: 1,
      };
      this.emit('part', [{ ...event, status, deliveredAt: Date.now(), ms: 1 }]);
      if (part < job.parts.length - 1) await this.#confirmation(entry, part);
    }
    return { step: 'deliver', parts: job.parts.length, delivered: job.parts.length - (job.from ?? 0), repeated: 0 };
  }

  #confirmation(entry, part) {
    return new Promise((resolve, reject) => {
      const { signal } = entry.controller;
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
      entry.onConfirm = () => {
        if (entry.confirmed >= part) resolve();
      };
      entry.onConfirm();
    });
  }

  confirm(key, part) {
    const entry = this.#jobs.get(key);
    if (entry === undefined) return false;
    entry.confirmed = part;
    entry.onConfirm();
    return true;
  }

  cancel(key) {
    const entry = this.#jobs.get(key);
    if (entry === undefined) return false;
    entry.controller.abort();
    if (entry.state === 'queued') {
      this.#jobs.delete(key);
      const error = { code: 'ERR_WARMPATH_CANCELLED', class: 'cancelled', message: 'cancelled' };
      setImmediate(() =>
        this.emit('settled', [{ key, status: 'failed', error, charged: false, attempts: 0, timings }]),
      );
    }
    return true;
  }

  list() {
    return [...this.#jobs].map(([key, { state }]) => ({ key, state }));
  }

  extend(keys) {
    return keys.map((key) => this.#jobs.has(key));
  }

  stats() {
    return { queued: this.#jobs.size - this.#running, running: this.#running };
  }

  async close() {
    this.#closed = true;
    for (const key of [...this.#jobs.keys()]) this.cancel(key);
    while (this.#jobs.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

module.exports = { ReferenceCampaign };
