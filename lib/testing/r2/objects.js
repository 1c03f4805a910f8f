'use strict';

const { createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { canonicalKey, displayKey } = require('./url');

/**
 * @typedef {{ key: string, size: number, etag: string, contentType?: string, meta: Record<string, string>, at: number, data: Buffer | null, file: string | null }} StoredObject
 *   `key` is canonical (see url.js); exactly one of `data` and `file` is set
 */

/** Buckets and their objects, in memory or as one file per object in a folder. The index is in memory in both. */
class ObjectStore {
  #buckets = new Map();
  #dir;

  constructor(storage, buckets) {
    this.#dir = storage === 'memory' ? null : path.resolve(storage);
    if (this.#dir) fs.mkdirSync(this.#dir, { recursive: true });
    for (const name of buckets) this.createBucket(name);
  }

  hasBucket(name) {
    return this.#buckets.has(name);
  }

  createBucket(name) {
    if (!this.#buckets.has(name)) this.#buckets.set(name, new Map());
  }

  buckets() {
    return [...this.#buckets.keys()];
  }

  /** @returns {StoredObject | undefined} */
  find(bucket, key) {
    return this.#buckets.get(bucket)?.get(key);
  }

  /** Objects of a bucket in key order (UTF-8 bytes), with keys as users write them. */
  list(bucket) {
    return [...this.#buckets.get(bucket).values()]
      .map((object) => ({ ...object, key: displayKey(object.key) }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  /** A place for an object that is still arriving: nothing is visible until `commit`. */
  open(size) {
    return new Incoming(this.#dir, size);
  }

  /**
   * @param {Incoming} incoming
   * @param {{ contentType?: string, meta?: Record<string, string> }} properties
   */
  commit(bucket, key, incoming, { contentType, meta = {} }) {
    const old = this.find(bucket, key);
    const object = {
      key,
      size: incoming.size,
      etag: `"${incoming.md5}"`,
      contentType,
      meta,
      at: Date.now(),
      data: incoming.data,
      file: incoming.file,
    };
    this.#buckets.get(bucket).set(key, object);
    removeFile(old);
    return object;
  }

  async put(bucket, key, bytes, properties = {}) {
    this.createBucket(bucket);
    const incoming = this.open(bytes.length);
    await incoming.write(bytes);
    await incoming.end();
    return this.commit(bucket, canonicalKey(key), incoming, properties);
  }

  async get(bucket, key) {
    const object = this.find(bucket, canonicalKey(key));
    if (!object) return null;
    return object.data ?? (await fs.promises.readFile(object.file));
  }

  delete(bucket, key) {
    const object = this.find(bucket, key);
    this.#buckets.get(bucket)?.delete(key);
    removeFile(object);
    return object !== undefined;
  }

  /** Gives an object another ETag, as if someone had stored it again. */
  touchEtag(bucket, key) {
    const object = this.find(bucket, key);
    if (!object) return false;
    object.etag = `"${createHash('md5').update(object.etag).update(randomUUID()).digest('hex')}"`;
    object.at = Date.now();
    return true;
  }

  clear() {
    for (const objects of this.#buckets.values()) {
      for (const object of objects.values()) if (object.file) fs.rmSync(object.file, { force: true });
      objects.clear();
    }
  }
}

// A reader that has the file open keeps its bytes: on a POSIX file system removing is safe.
function removeFile(object) {
  if (object?.file) fs.rm(object.file, { force: true }, () => {});
}

/** One body on its way in: hashed as it comes, kept in memory or written straight to its file. */
class Incoming {
  #chunks = [];
  #handle = null;
  #md5 = createHash('md5');
  #sha256 = createHash('sha256');
  size = 0;
  data = null;
  file = null;
  md5 = '';
  sha256 = '';

  constructor(dir, expected) {
    this.expected = expected;
    if (dir) this.file = path.join(dir, `${randomUUID()}.object`);
  }

  async write(chunk) {
    this.size += chunk.length;
    this.#md5.update(chunk);
    this.#sha256.update(chunk);
    if (!this.file) {
      this.#chunks.push(chunk);
      return;
    }
    this.#handle ??= await fs.promises.open(this.file, 'wx');
    await this.#handle.writeFile(chunk);
  }

  async end() {
    this.md5 = this.#md5.digest('hex');
    this.sha256 = this.#sha256.digest('hex');
    if (this.file) {
      this.#handle ??= await fs.promises.open(this.file, 'wx');
      await this.#handle.close();
    } else {
      this.data = Buffer.concat(this.#chunks);
      this.#chunks = [];
    }
  }

  async discard() {
    await this.#handle?.close().catch(() => {});
    removeFile(this);
  }
}

module.exports = { ObjectStore };
