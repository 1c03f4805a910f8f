'use strict';

const { createHash, createHmac, timingSafeEqual } = require('node:crypto');
const { S3Refusal } = require('./errors');

/**
 * Bodies in the `aws-chunked` encoding: chunks with a length in front, each signed in turn or none, and perhaps a checksum
 * as a trailer. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
const FORMS = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
};
const MAX_LINE = 8192;
const EMPTY = createHash('sha256').digest('hex');

const isKnownForm = (payload) => Object.hasOwn(FORMS, payload);

const malformed = () => new S3Refusal('IncompleteBody', 'The chunks of the body are malformed or end too early.');

/** Bytes of a stream by line and by count. */
class Reader {
  #source;
  #rest = Buffer.alloc(0);

  constructor(stream) {
    this.#source = stream[Symbol.asyncIterator]();
  }

  async #more() {
    const { done, value } = await this.#source.next();
    if (done) return false;
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
    return true;
  }

  async line() {
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#rest.toString('latin1', 0, end);
        this.#rest = this.#rest.subarray(end + 2);
        return line;
      }
      if (this.#rest.length > MAX_LINE || !(await this.#more())) throw malformed();
    }
  }

  async *take(count) {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) throw malformed();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async atEnd() {
    return this.#rest.length === 0 && !(await this.#more());
  }
}

/**
 * The decoded bytes of such a body. Iterated to its end, every signature and the framing are checked, and `trailers` is filled.
 */
class ChunkedBody {
  #reader;
  #form;
  #signing;
  /** Lower-case names to values. */
  trailers = {};

  /**
   * @param {AsyncIterable<Buffer>} stream
   * @param {string} payload one of the forms
   * @param {{ key: Buffer, longDate: string, scope: string, signature: string }} signing of the head: the seed of the chain
   */
  constructor(stream, payload, signing) {
    this.#reader = new Reader(stream);
    this.#form = FORMS[payload];
    this.#signing = { ...signing };
  }

  #check(given, kind, ...hashes) {
    const { key, longDate, scope, signature: previous } = this.#signing;
    const text = [`AWS4-HMAC-SHA256-${kind}`, longDate, scope, previous, ...hashes].join('\n');
    const expected = createHmac('sha256', key).update(text).digest();
    const bytes = Buffer.from(given ?? '', 'hex');
    if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected)) {
      throw new S3Refusal('SignatureDoesNotMatch', 'The signature of a chunk does not match what we calculated.', {
        StringToSign: text,
        SignatureProvided: given ?? '',
      });
    }
    this.#signing.signature = given;
  }

  async *[Symbol.asyncIterator]() {
    const { signed, trailer } = this.#form;
    for (;;) {
      const [length, ...extensions] = (await this.#reader.line()).split(';');
      if (!/^[0-9a-fA-F]{1,12}$/.test(length)) throw malformed();
      const size = Number.parseInt(length, 16);
      const hash = createHash('sha256');
      for await (const piece of this.#reader.take(size)) {
        if (signed) hash.update(piece);
        yield piece;
      }
      if (signed) {
        const given = extensions.find((one) => one.startsWith('chunk-signature='))?.slice('chunk-signature='.length);
        this.#check(given, 'PAYLOAD', EMPTY, hash.digest('hex'));
      }
      if (size === 0) break;
      if ((await this.#reader.line()) !== '') throw malformed();
    }
    await this.#readTrailers(signed, trailer);
    if (!(await this.#reader.atEnd())) throw malformed();
  }

  async #readTrailers(signed, expected) {
    const hash = createHash('sha256');
    let seal;
    for (let line = await this.#reader.line(); line !== ''; line = await this.#reader.line()) {
      const colon = line.indexOf(':');
      if (colon < 1 || !expected) throw malformed();
      const [name, value] = [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      if (name === 'x-amz-trailer-signature') {
        seal = value;
      } else {
        this.trailers[name] = value;
        hash.update(`${name}:${value}\n`);
      }
    }
    if (signed && expected) this.#check(seal, 'TRAILER', hash.digest('hex'));
  }
}

module.exports = { ChunkedBody, isKnownForm };
