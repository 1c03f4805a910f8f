'use strict';

const { createHash } = require('node:crypto');
const zlib = require('node:zlib');
const { S3Refusal, notImplemented } = require('./errors');

/** Table of a reflected CRC-32. */
function table32(polynomial) {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i += 1) {
    let c = i;
    for (let bit = 0; bit < 8; bit += 1) c = c & 1 ? polynomial ^ (c >>> 1) : c >>> 1;
    table[i] = c;
  }
  return table;
}

const uint32 = (value) => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value >>> 0);
  return out;
};

class Crc32 {
  #crc = 0;
  update(data) {
    this.#crc = zlib.crc32(data, this.#crc);
  }
  digest() {
    return uint32(this.#crc);
  }
}

/** Castagnoli: neither node:zlib nor node:crypto has it. */
class Crc32c {
  static #table = table32(0x82f63b78);
  #crc = 0xffffffff;
  update(data) {
    const table = Crc32c.#table;
    let crc = this.#crc;
    for (let i = 0; i < data.length; i += 1) crc = (crc >>> 8) ^ table[(crc ^ data[i]) & 0xff];
    this.#crc = crc;
  }
  digest() {
    return uint32(this.#crc ^ 0xffffffff);
  }
}

/** Reflected, polynomial 0x9a6c9329ac4bc9b5, as NVMe defines it. In two halves, because a BigInt a byte is far slower. */
class Crc64Nvme {
  static #tables = Crc64Nvme.#build();
  #high = 0xffffffff;
  #low = 0xffffffff;

  static #build() {
    const [high, low] = [new Uint32Array(256), new Uint32Array(256)];
    for (let i = 0; i < 256; i += 1) {
      let c = BigInt(i);
      for (let bit = 0; bit < 8; bit += 1) c = c & 1n ? (c >> 1n) ^ 0x9a6c9329ac4bc9b5n : c >> 1n;
      high[i] = Number(c >> 32n);
      low[i] = Number(c & 0xffffffffn);
    }
    return { high, low };
  }

  update(data) {
    const { high, low } = Crc64Nvme.#tables;
    let [h, l] = [this.#high, this.#low];
    for (let i = 0; i < data.length; i += 1) {
      const index = (l ^ data[i]) & 0xff;
      l = ((l >>> 8) | (h << 24)) ^ low[index];
      h = (h >>> 8) ^ high[index];
    }
    [this.#high, this.#low] = [h, l];
  }

  digest() {
    return Buffer.concat([uint32(this.#high ^ 0xffffffff), uint32(this.#low ^ 0xffffffff)]);
  }
}

const ALGORITHMS = {
  crc32: { bytes: 4, create: () => new Crc32() },
  crc32c: { bytes: 4, create: () => new Crc32c() },
  // R2 has this one over the whole object only; the others of a multipart object are made of those of its parts.
  crc64nvme: { bytes: 8, create: () => new Crc64Nvme(), whole: true },
  sha1: { bytes: 20, create: () => createHash('sha1') },
  sha256: { bytes: 32, create: () => createHash('sha256') },
};

const PREFIX = 'x-amz-checksum-';
/** Say which and how, and hold no checksum. */
const WORDS = new Set(['mode', 'algorithm', 'type']);

/** @returns {{ name: string, bytes: number, create: () => { update(data: Buffer): void, digest(): Buffer }, whole?: true }} */
function algorithm(name) {
  const lower = String(name).toLowerCase();
  if (!Object.hasOwn(ALGORITHMS, lower)) throw notImplemented(`Checksum algorithm '${name}'`);
  return { name: lower, ...ALGORITHMS[lower] };
}

/** The bytes of a Base64 text of exactly that length. */
function decode(text, bytes, what) {
  const value = Buffer.from(String(text), 'base64');
  if (value.length !== bytes || value.toString('base64') !== text) {
    throw new S3Refusal('InvalidDigest', `The ${what} you specified is not valid.`);
  }
  return value;
}

const decodeChecksum = (name, text) => decode(text, algorithm(name).bytes, name.toUpperCase());

/**
 * The checksum a request announces for its body, in a header or as a trailer of its chunks.
 *
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @returns {{ name: string, value: Buffer | null } | null} `value` is null where it comes as a trailer
 * @throws {S3Refusal}
 */
function announced(headers) {
  const found = [];
  for (const [header, value] of Object.entries(headers)) {
    const name = header.slice(PREFIX.length);
    if (!header.startsWith(PREFIX) || WORDS.has(name)) continue;
    if (!Object.hasOwn(ALGORITHMS, name)) throw notImplemented(`Header '${header}' with value '${value}'`);
    found.push({ name, value: decodeChecksum(name, value) });
  }
  for (const header of (headers['x-amz-trailer'] ?? '').split(',').map((one) => one.trim().toLowerCase())) {
    if (header.startsWith(PREFIX)) found.push({ name: algorithm(header.slice(PREFIX.length)).name, value: null });
  }
  if (found.length > 1) {
    throw new S3Refusal(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  return found[0] ?? null;
}

const announcedMd5 = (headers) =>
  headers['content-md5'] === undefined ? null : decode(headers['content-md5'], 16, 'Content-MD5');

const badDigest = (what) => new S3Refusal('BadDigest', `The ${what} you specified did not match what we received.`);

/** Response headers that show a stored checksum. */
const checksumHeaders = (checksum) =>
  checksum ? { [`${PREFIX}${checksum.name}`]: checksum.value, 'x-amz-checksum-type': checksum.type } : {};

module.exports = { PREFIX, algorithm, announced, announcedMd5, badDigest, checksumHeaders, decodeChecksum };
