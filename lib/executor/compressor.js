'use strict';

const fs = require('node:fs/promises');
const os = require('node:os');
const { requirePeer } = require('../peer.js');

/** Larger files are no photos of a phone; the whole of one is in memory while it is compressed. */
const MOST_BYTES = 32 * 1024 * 1024;

const FORMATS = { 'image/jpeg': 'jpeg', 'image/png': 'png', 'image/webp': 'webp' };

const ENCODERS = {
  jpeg: (image, quality) => image.jpeg({ quality, mozjpeg: true }),
  // Without loss: fewer colours would be seen in screenshots.
  png: (image) => image.png({ compressionLevel: 9, effort: 10 }),
  webp: (image, quality) => image.webp({ quality }),
};

/**
 * Makes images smaller, with the optional peer sharp, whose work is done on threads of its own; as many at once as there are cores.
 * What cannot be made smaller, or is none of its business (a film, a bomb, a file that it cannot read), stays as it is.
 */
class Compressor {
  #sharp;
  #options;
  #free = os.availableParallelism();
  #waiting = [];

  /** @param {object} options see IngestCompress @throws {WarmpathError} ERR_WARMPATH_PEER_MISSING */
  constructor(options) {
    this.#sharp = requirePeer('sharp', 'The option compress');
    this.#options = options;
  }

  /**
   * @param {object} value of an image that was put aside: a temporary file of the executor's directory
   * @returns {Promise<{ path: string, mime: string, from?: object }>} the file to store; with `from`, what the original was, where
   *   it is another one. Never rejects.
   */
  async compress({ location: { path }, mime, sha256, bytes, width, height }) {
    const kept = { path, mime };
    if (bytes > MOST_BYTES) return kept;
    await this.#enter();
    try {
      const made = await this.#make(await fs.readFile(path), mime);
      if (made === null || made.data.length >= bytes) return kept;
      // Under a name that is swept away like that of the original, should this process die now.
      const smaller = path.replace(/\.tmp$/, 'c.tmp');
      await fs.writeFile(smaller, made.data, { flag: 'wx' });
      return { path: smaller, mime: `image/${made.info.format}`, from: { sha256, bytes, mime, width, height } };
    } catch {
      // A broken image, or one that says it is larger than maxPixels: stored all the same, as what it is.
      return kept;
    } finally {
      this.#leave();
    }
  }

  async #make(bytes, mime) {
    const { maxWidth, maxHeight, quality, maxPixels, format } = this.#options;
    // Looked at by its header first: beyond maxPixels nothing is decoded.
    const image = this.#sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true });
    const { pages = 1, hasAlpha, depth, format: own } = await image.metadata();
    if (pages > 1 || isAnimatedPng(bytes) || own !== FORMATS[mime]) return null;
    // What is made has 8 bits a channel: a scan, or a measurement, would lose the others.
    if (depth !== 'uchar') return null;
    // JPEG knows no transparency.
    const target = format === undefined || (format === 'jpeg' && hasAlpha) ? own : format;
    const fitted = image
      .autoOrient()
      .resize({ width: maxWidth, height: maxHeight, fit: 'inside', withoutEnlargement: true });
    return ENCODERS[target](fitted, quality).toBuffer({ resolveWithObject: true });
  }

  async #enter() {
    if (this.#free > 0) this.#free--;
    else await new Promise((resolve) => this.#waiting.push(resolve));
  }

  #leave() {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

/** sharp sees the first picture of such a file, and nothing of the others. */
function isAnimatedPng(bytes) {
  const control = bytes.indexOf('acTL');
  return control !== -1 && bytes[0] === 0x89 && control < bytes.indexOf('IDAT');
}

/** Removes what was put aside. Nobody waits for it; what stays is swept at the next start. */
function removeAside(paths) {
  for (const path of new Set(paths)) fs.unlink(path).catch(() => {});
}

module.exports = { Compressor, removeAside };
