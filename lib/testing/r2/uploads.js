'use strict';

const { createHmac, randomBytes } = require('node:crypto');
const { S3Refusal } = require('./errors');
const { removeFile } = require('./incoming');

/**
 * @typedef {import('./objects').Bytes & { number: number, md5: string, at: number, checksum: { name: string, value: Buffer } | null }} Part
 * @typedef {{ id: string, bucket: string, key: string, at: number, algorithm: string | null, properties: import('./objects').Properties, parts: Map<number, Part> }} Upload
 */

/** Multipart uploads that are neither completed nor aborted. */
class UploadStore {
  #uploads = new Map();
  #secret = randomBytes(32);

  /** The id proves itself, so that one that is over can be told from one that never was, without a list of them. */
  #seal(bucket, key, nonce) {
    return createHmac('sha256', this.#secret).update(`${bucket}/${key}/${nonce}`).digest('hex');
  }

  /** @returns {Upload} */
  create(bucket, key, { algorithm, properties }) {
    const nonce = randomBytes(16).toString('hex');
    const id = `${nonce}${this.#seal(bucket, key, nonce)}`;
    const upload = { id, bucket, key, at: Date.now(), algorithm, properties, parts: new Map() };
    this.#uploads.set(id, upload);
    return upload;
  }

  /** Whether this id was ever given out for that key. */
  wasGiven(bucket, key, id) {
    return id.slice(32) === this.#seal(bucket, key, id.slice(0, 32));
  }

  /**
   * @returns {Upload}
   * @throws {S3Refusal} `NoSuchUpload`
   */
  get(bucket, key, id) {
    const upload = this.#uploads.get(id);
    if (upload?.bucket === bucket && upload.key === key) return upload;
    throw new S3Refusal('NoSuchUpload', 'The specified multipart upload does not exist.', { UploadId: id });
  }

  list(bucket) {
    return [...this.#uploads.values()].filter((upload) => upload.bucket === bucket);
  }

  /** Takes a part in the place of an earlier one of that number; false when the upload ended while it came. */
  addPart(upload, part) {
    if (this.#uploads.get(upload.id) !== upload) return false;
    this.dropPart(upload, part.number);
    upload.parts.set(part.number, part);
    return true;
  }

  dropPart(upload, number) {
    removeFile(upload.parts.get(number));
    upload.parts.delete(number);
  }

  /** From now on nobody can use it; its parts stay until `remove`. */
  take(upload) {
    this.#uploads.delete(upload.id);
  }

  remove(upload) {
    this.take(upload);
    for (const part of upload.parts.values()) removeFile(part);
    upload.parts.clear();
  }

  /** @param {string} [bucket] all buckets without it */
  clear(bucket) {
    for (const upload of this.#uploads.values()) {
      if (bucket === undefined || upload.bucket === bucket) this.remove(upload);
    }
  }
}

module.exports = { UploadStore };
