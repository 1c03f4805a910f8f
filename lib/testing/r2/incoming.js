'use strict';

const { createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');

/**
 * Removes the file of something stored. A reader that has it open keeps its bytes: on POSIX that is safe. At once, so that
 * a sandbox that was closed leaves nothing behind.
 */
function removeFile(stored) {
  if (!stored?.file) return;
  try {
    fs.rmSync(stored.file, { force: true });
  } catch {
    // Windows refuses while it is open.
  }
}

const newFile = (dir) => path.join(dir, `${randomUUID()}.object`);

/** One body on its way in: hashed as it comes, kept in memory or written straight to its file. */
class Incoming {
  #chunks = [];
  #handle = null;
  #md5 = createHash('md5');
  #sha256 = createHash('sha256');
  #arriving;
  size = 0;
  data = null;
  file = null;
  md5 = '';
  sha256 = '';

  /**
   * @param {string | null} dir null keeps it in memory
   * @param {Set<Incoming>} [arriving] it is in there until its end
   */
  constructor(dir, arriving) {
    if (dir) this.file = newFile(dir);
    this.#arriving = arriving;
    arriving?.add(this);
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
    this.#arriving?.delete(this);
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
    this.#arriving?.delete(this);
    await this.#handle?.close().catch(() => {});
    removeFile(this);
  }
}

/** The bytes of something stored, whole or `[start, end)`, as a stream of buffers. */
async function* bytesOf({ data, file, size }, start = 0, end = size) {
  if (end === start) return;
  if (data) yield data.subarray(start, end);
  else yield* fs.createReadStream(file, { start, end: end - 1, highWaterMark: 256 * 1024 });
}

/**
 * The bytes of several things in a row, as one: in memory or in a new file. They stay as they are.
 * @returns {Promise<{ size: number, data: Buffer | null, file: string | null }>}
 */
async function joined(dir, pieces) {
  const size = pieces.reduce((sum, piece) => sum + piece.size, 0);
  if (!dir) return { size, data: Buffer.concat(pieces.map((piece) => piece.data)), file: null };
  const file = newFile(dir);
  const all = async function* all() {
    for (const piece of pieces) yield* bytesOf(piece);
  };
  try {
    await pipeline(all, fs.createWriteStream(file, { flags: 'wx' }));
  } catch (error) {
    removeFile({ file });
    throw error;
  }
  return { size, data: null, file };
}

module.exports = { Incoming, bytesOf, joined, removeFile };
