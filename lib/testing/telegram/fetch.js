'use strict';

const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { badRequest } = require('./errors');
const { sniff } = require('./sniff');

const MAX_REDIRECTS = 5;
const HEAD_BYTES = 64;
/** Above this a voice message from a URL is sent as a file. */
const MAX_URL_VOICE = 1024 * 1024;

/** What Telegram takes from a URL for each kind. https://core.telegram.org/bots/api#sending-files */
const TYPES = {
  photo: /^image\//,
  video: /^video\//,
  animation: /^(image\/gif|video\/mp4)$/,
  audio: /^audio\/(mpeg|mp4|x-m4a)$/,
  voice: /^audio\/ogg$/,
  document: /^(image\/gif|application\/(pdf|zip))$/,
  sticker: /^image\/webp$/,
};

const failed = () => badRequest('failed to get HTTP URL content');
const wrongType = () => badRequest('wrong type of the web page content');
const wrongUrl = () => badRequest('wrong file identifier/HTTP URL specified');

/**
 * Gets files from URLs, for bots that send them so. What failed once fails again without a look, until the URL is written
 * in another way: so the real service does it.
 */
class Fetcher {
  #options;
  #signal;
  #failed = new Map();
  #gets = 0;

  /**
   * @param {{ maxUrlBytes: number, maxUrlPhotoBytes: number, fetchCa?: string, fetchTimeoutMs: number }} options
   * @param {() => AbortSignal} signal
   */
  constructor(options, signal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Requests that were really made. */
  get gets() {
    return this.#gets;
  }

  /**
   * @param {string} url
   * @param {string} kind what it is to be sent as
   * @param {import('./spool').Spool} spool takes the bytes in
   * @returns {Promise<{ contentType?: string, fileName?: string, asFile: boolean }>}
   */
  async fetch(url, kind, spool) {
    if (!TYPES[kind]) throw wrongUrl();
    const key = `${kind} ${url}`;
    const known = this.#failed.get(key);
    if (known) throw known;
    try {
      return await this.#get(url, kind, spool);
    } catch (cause) {
      await spool.discard();
      const refusal = cause.name === 'BotApiRefusal' ? cause : failed();
      if (!this.#signal().aborted) this.#failed.set(key, refusal);
      throw refusal;
    }
  }

  async #get(url, kind, spool) {
    const res = await this.#open(url);
    const timer = setTimeout(() => res.destroy(new Error('timeout')), this.#options.fetchTimeoutMs);
    try {
      const limit = kind === 'photo' ? this.#options.maxUrlPhotoBytes : this.#options.maxUrlBytes;
      if (Number(res.headers['content-length'] ?? 0) > limit) throw failed();
      let head = Buffer.alloc(0);
      for await (const chunk of res) {
        if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES)]);
        await spool.write(chunk);
        if (spool.size > limit) throw failed();
      }
      if (spool.size === 0) throw failed();
      await spool.end();
      const contentType = sniff(head) ?? res.headers['content-type']?.split(';')[0].trim().toLowerCase();
      if (!TYPES[kind].test(contentType ?? '')) throw wrongType();
      const asFile = kind === 'voice' && spool.size > MAX_URL_VOICE;
      return { contentType, fileName: path.posix.basename(new URL(url).pathname) || undefined, asFile };
    } finally {
      clearTimeout(timer);
      res.destroy();
    }
  }

  async #open(given) {
    let url = parse(given);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const res = await this.#request(url);
      if (res.statusCode === 200) return res;
      res.destroy();
      const { location } = res.headers;
      if (res.statusCode < 300 || res.statusCode > 399 || location === undefined) throw failed();
      url = parse(new URL(location, url).href);
    }
    throw failed();
  }

  #request(url) {
    this.#gets += 1;
    const { request } = url.protocol === 'https:' ? https : http;
    const headers = { 'User-Agent': 'TelegramBot (like TwitterBot)', 'Accept-Encoding': 'identity' };
    const options = { headers, ca: this.#options.fetchCa, agent: false, signal: this.#signal() };
    return new Promise((resolve, reject) => {
      const req = request(url, options, resolve);
      req.setTimeout(this.#options.fetchTimeoutMs, () => req.destroy(new Error('timeout')));
      req.once('error', reject);
      req.end();
    });
  }

  /** Failures are known no longer. */
  reset() {
    this.#gets = 0;
    this.#failed.clear();
  }
}

function parse(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    throw wrongUrl();
  }
  if (!['http:', 'https:'].includes(url.protocol)) throw wrongUrl();
  return url;
}

module.exports = { Fetcher };
