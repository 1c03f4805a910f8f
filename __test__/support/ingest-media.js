'use strict';

const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A folder to store into, removed when the test ends. */
function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-ingest-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const names = () => fs.readdirSync(dir).filter((name) => !name.startsWith('.'));
  return {
    dir,
    names,
    /** The stored files by the hash of what they hold: a list, so that one stored twice shows. */
    hashes: () => names().map((name) => sha256(fs.readFileSync(path.join(dir, name)))),
  };
}

let made = 0;

/** A medium that is like no other, and the job that stores it. */
function medium(extra = {}, size = 2000) {
  const bytes = randomBytes(size);
  const key = `m-${process.pid}-${++made}`;
  return {
    bytes,
    sha256: sha256(bytes),
    job: { key, session: 's1', source: { base64: bytes.toString('base64') }, ...extra },
  };
}

module.exports = { folder, medium, sha256 };
