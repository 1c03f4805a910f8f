'use strict';

const { isUint8Array } = require('node:util').types;
const { fileURLToPath } = require('node:url');
const { WarmpathError, fromOutcome, guardAsync } = require('../errors.js');
const { native } = require('../native.js');
const { describe, failWith } = require('../options/check.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

/** Taken in at once: copied on the event loop (some 50 µs), hashed on another thread. */
const CHUNK = 512 * 1024;

/**
 * SHA-256 of a payload, lower-case hex, computed off the event loop.
 *
 * @param {Uint8Array | string | URL | AsyncIterable<Uint8Array | string>} source bytes, the path (or file: URL) of a file, or
 *   a stream, which is read to its end
 * @returns {Promise<string>}
 */
async function hashPayload(source) {
  if (isUint8Array(source)) return hashBytes(source);
  if (typeof source === 'string' || source instanceof URL) return hashFile(source);
  if (typeof source?.[Symbol.asyncIterator] === 'function') return hashStream(source);
  return invalid('source', `must be a Uint8Array, a path or a stream, not ${describe(source)}`);
}

async function hashFile(source) {
  if (source instanceof URL && source.protocol !== 'file:') invalid('source', 'must be a file: URL');
  const path = source instanceof URL ? fileURLToPath(source) : source;
  if (path === '' || path.includes('\0') || !path.isWellFormed()) invalid('source', 'must be a path');
  return outcome(await guardAsync(() => native().hashFile(path)));
}

async function hashBytes(bytes) {
  const { NativeHasher } = native();
  const hasher = new NativeHasher();
  for (let at = 0; at < bytes.length; at += CHUNK)
    outcome(await guardAsync(() => hasher.update(bytes.subarray(at, at + CHUNK))));
  return hasher.digest();
}

/** Small chunks are gathered: one that waits for a thread costs more than it takes to hash 16 KiB. */
async function hashStream(source) {
  const { NativeHasher } = native();
  const hasher = new NativeHasher();
  const block = Buffer.allocUnsafe(CHUNK);
  let filled = 0;
  for await (const chunk of source) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!isUint8Array(bytes)) invalid('source', `must give bytes or text, not ${describe(chunk)}`);
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + CHUNK - filled);
      block.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled === CHUNK) {
        outcome(await guardAsync(() => hasher.update(block)));
        filled = 0;
      }
    }
  }
  if (filled > 0) outcome(await guardAsync(() => hasher.update(block.subarray(0, filled))));
  return hasher.digest();
}

function outcome({ hex, error }) {
  if (typeof error === 'string') throw fromOutcome(JSON.parse(error));
  if (typeof hex !== 'string') throw new WarmpathError('ERR_WARMPATH_INTERNAL', 'the hash has no result');
  return hex;
}

module.exports = { hashPayload };
