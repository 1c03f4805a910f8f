'use strict';

const { createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const IN_MEMORY = 1024 * 1024;

/**
 * One upload on its way in: hashed and counted as it comes; kept in memory up to 1 MiB and in a file above, or not kept
 * at all. So a hundred large uploads at once cost a hundred small buffers.
 */
class Spool {
  #dir;
  #keep;
  #inMemory;
  #chunks = [];
  #handle = null;
  #hash = createHash('sha256');
  size = 0;
  sha256 = '';
  /** @type {Buffer | null} */
  data = null;
  /** @type {string | null} */
  file = null;

  /**
   * @param {() => string} dir folder for what does not stay in memory
   * @param {boolean} keep
   * @param {number} [inMemory] bytes that stay in memory; 0: none
   */
  constructor(dir, keep, inMemory = IN_MEMORY) {
    this.#dir = dir;
    this.#keep = keep;
    this.#inMemory = inMemory;
  }

  async write(chunk) {
    this.size += chunk.length;
    this.#hash.update(chunk);
    if (!this.#keep) return;
    if (!this.#handle) {
      this.#chunks.push(chunk);
      if (this.size <= this.#inMemory) return;
      this.file = path.join(this.#dir(), `${randomUUID()}.upload`);
      this.#handle = await fs.promises.open(this.file, 'wx');
      for (const early of this.#chunks.splice(0)) await this.#handle.writeFile(early);
      return;
    }
    await this.#handle.writeFile(chunk);
  }

  async end() {
    this.sha256 = this.#hash.digest('hex');
    if (this.#handle) await this.#handle.close();
    else if (this.#keep) this.data = Buffer.concat(this.#chunks.splice(0));
  }

  async discard() {
    await this.#handle?.close().catch(() => {});
    if (this.file) fs.rmSync(this.file, { force: true });
    this.data = null;
    this.file = null;
  }
}

module.exports = { Spool };
