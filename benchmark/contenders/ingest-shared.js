'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const fsp = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');

/** Block by block: the whole of a file would be in the memory that is measured. */
function hashOf(file) {
  const hash = crypto.createHash('sha256');
  const block = Buffer.allocUnsafe(64 * 1024);
  const descriptor = fs.openSync(file);
  for (let read = fs.readSync(descriptor, block); read > 0; read = fs.readSync(descriptor, block)) {
    hash.update(block.subarray(0, read));
  }
  fs.closeSync(descriptor);
  return hash.digest('hex');
}

/**
 * Small media stay until the contender has ended: a file system that has just removed a file may search long for the place of a new
 * one (ext4 without a journal: a quarter of a small job), and that is nobody's. Large ones go at once: memory for their pages that is
 * new to the machine would cost more than to write them.
 */
const STAYS = 1 << 20;

/** A directory for one contender; the first medium is checked. */
function createPlace(config) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-bench-ingest-'));
  const stays = config.size < STAYS;
  let stored = 0;
  return {
    dir,
    async done(file, sha256, bytes) {
      stored += 1;
      if (bytes !== config.size || sha256.length !== 64) throw new Error(`${bytes} bytes were stored`);
      if (stored === 1 && hashOf(file) !== sha256) {
        throw new Error('the stored medium is not what was hashed');
      }
      if (!stays) await fsp.unlink(file);
    },
    close: () => stays || fs.rmSync(dir, { recursive: true, force: true }),
  };
}

/** The same text of base64 for everybody; a fresh string each time, as a message brings one. */
function createTexts(config) {
  const bytes = crypto.randomBytes(config.size);
  return { next: () => bytes.toString('base64') };
}

/** Writes what is gathered of a medium: temporary file, hash, sync, link under its name, sync of the directory. By hand, as ours does it. */
class FileByHand {
  #handle;
  #temporary;
  #hash = crypto.createHash('sha256');
  #gathered = [];
  #size = 0;
  bytes = 0;

  /** @param {object} how directory: the open one; n: of the job; fsync: whether the disk is waited for */
  constructor(dir, { directory, n, fsync }) {
    this.dir = dir;
    this.directory = directory;
    this.n = n;
    this.fsync = fsync;
    this.#temporary = path.join(dir, `.${n}.tmp`);
  }

  /** Chunks are gathered: one write for 256 KiB costs a quarter of four for 64. */
  async write(chunk) {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    this.#gathered.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= 256 * 1024) await this.#flush();
  }

  async #flush() {
    this.#handle ??= await fsp.open(this.#temporary, 'wx');
    if (this.#gathered.length > 0) await this.#handle.writev(this.#gathered);
    this.#gathered = [];
    this.#size = 0;
  }

  async finish() {
    await this.#flush();
    if (this.fsync) await this.#handle.datasync();
    await this.#handle.close();
    const file = path.join(this.dir, `${this.n}.bin`);
    await fsp.link(this.#temporary, file);
    await fsp.unlink(this.#temporary);
    if (this.fsync) await this.directory.sync();
    return { file, sha256: this.#hash.digest('hex') };
  }
}

module.exports = { createPlace, createTexts, FileByHand };
