'use strict';

const { promisify } = require('node:util');
const zlib = require('node:zlib');

const gzip = promisify(zlib.gzip);

const DEFAULT_SIZE = 64 * 1024 * 1024;
const made = new Map();

/**
 * A small answer that unpacks to a large one: `{"ok":true,"result":"   …"}`, about a thousandth of its size. Made once.
 *
 * @param {number} [size] bytes when unpacked, default 64 MiB
 * @returns {Promise<Buffer>} gzip
 */
function gzipBomb(size = DEFAULT_SIZE) {
  let bomb = made.get(size);
  if (!bomb) {
    const start = '{"ok":true,"result":"';
    const end = '"}';
    const text = Buffer.alloc(Math.max(size, start.length + end.length), ' ');
    text.write(start, 0);
    text.write(end, text.length - end.length);
    bomb = gzip(text);
    made.set(size, bomb);
  }
  return bomb;
}

module.exports = { gzipBomb };
