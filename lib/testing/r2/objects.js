'use strict';

const { createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Incoming, joined, removeFile } = require('./incoming');
const { UploadStore } = require('./uploads');
const { canonicalKey, displayKey } = require('./url');

/**
 * @typedef {{ size: number, data: Buffer | null, file: string | null }} Bytes exactly one of `data` and `file` is set
 * @typedef {{ name: string, value: string, type: 'FULL_OBJECT' | 'COMPOSITE' }} StoredChecksum `value` as S3 writes it
 * @typedef {{ contentType?: string, meta?: Record<string, string>, checksum?: StoredChecksum | null, parts?: number[] | null }} Properties
 *   `meta`: headers to give back; `parts`: sizes of the parts it was uploaded in
 * @typedef {Bytes & Properties & { key: string, etag: string, at: number }} StoredObject `key` is canonical (see url.js)
 */

/** Buckets and their objects, in memory or as one file per object in a folder. The index is in memory in both. */
class ObjectStore {
  #buckets = new Map();
  #dir;
  /** Bodies that nobody refers to yet but their request. */
  #arriving = new Set();

  constructor(storage, buckets) {
    this.#dir = storage === 'memory' ? null : path.resolve(storage);
    if (this.#dir) fs.mkdirSync(this.#dir, { recursive: true });
    this.uploads = new UploadStore();
    for (const name of buckets) this.createBucket(name);
  }

  hasBucket(name) {
    return this.#buckets.has(name);
  }

  createBucket(name) {
    if (!this.#buckets.has(name)) this.#buckets.set(name, { objects: new Map(), at: Date.now() });
  }

  /** Takes the bucket's unfinished uploads with it; the caller saw to it that it holds no object. */
  deleteBucket(name) {
    this.#buckets.delete(name);
    this.uploads.clear(name);
  }

  buckets() {
    return [...this.#buckets].map(([name, { at }]) => ({ name, at })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  isEmpty(bucket) {
    return this.#buckets.get(bucket).objects.size === 0;
  }

  /** @returns {StoredObject | undefined} */
  find(bucket, key) {
    return this.#buckets.get(bucket)?.objects.get(key);
  }

  /** Objects of a bucket, each with its key as users write it in `name`. */
  list(bucket) {
    return [...this.#buckets.get(bucket).objects.values()].map((object) => ({
      ...object,
      name: displayKey(object.key),
    }));
  }

  /** A place for a body that is still arriving: nothing is visible until `commit`. */
  open() {
    return new Incoming(this.#dir, this.#arriving);
  }

  /** The bytes of several things in a row, as one. */
  join(pieces) {
    return joined(this.#dir, pieces);
  }

  /**
   * @param {Bytes} bytes
   * @param {string} etag with its quotes
   * @param {Properties} properties
   * @returns {StoredObject}
   */
  commit(bucket, key, { size, data, file }, etag, { contentType, meta = {}, checksum = null, parts = null }) {
    const old = this.find(bucket, key);
    const object = { key, size, etag, contentType, meta, checksum, parts, at: Date.now(), data, file };
    this.#buckets.get(bucket).objects.set(key, object);
    removeFile(old);
    return object;
  }

  async put(bucket, key, bytes, properties = {}) {
    this.createBucket(bucket);
    const incoming = this.open();
    await incoming.write(bytes);
    await incoming.end();
    return this.commit(bucket, canonicalKey(key), incoming, `"${incoming.md5}"`, properties);
  }

  async get(bucket, key) {
    const object = this.find(bucket, canonicalKey(key));
    if (!object) return null;
    return object.data ?? (await fs.promises.readFile(object.file));
  }

  delete(bucket, key) {
    const object = this.find(bucket, key);
    this.#buckets.get(bucket)?.objects.delete(key);
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
    this.uploads.clear();
    for (const incoming of this.#arriving) removeFile(incoming);
    for (const { objects } of this.#buckets.values()) {
      for (const object of objects.values()) removeFile(object);
      objects.clear();
    }
  }
}

module.exports = { ObjectStore };
