'use strict';

// A process that dies in the middle of an upload, without a chance to clear away.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { uploadMany } = require('../index.js');
const { MIB, begunUploads, startBucket } = require('./support/upload');

const ROUNDS = process.env.WARMPATH_TEST_LONG === '1' ? 30 : 4;

const CHILD = `
const { uploadMany } = require(${JSON.stringify(path.join(__dirname, '..'))});
const { paths, s3 } = JSON.parse(process.argv[1]);
uploadMany(paths, { s3, concurrency: 2 }).then((outcomes) => process.send(outcomes.map((one) => one.status)));
`;

describe('uploads of a process that is killed', () => {
  let r2;
  let at;
  let files;
  let close;
  before(async () => {
    ({ r2, at, files, close } = await startBucket());
  });
  after(() => close?.());

  /** Runs the upload in a process of its own, and kills that as soon as the store has seen so many requests. */
  async function killedAfter(requests, paths) {
    const child = spawn(process.execPath, ['-e', CHILD, JSON.stringify({ paths, s3: at.s3 })], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    let over = false;
    ended.then(() => {
      over = true;
    });
    while (!over && r2.requests.length < requests) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill('SIGKILL');
    return ended;
  }

  it('leave nothing half visible, and the next run makes it whole', async () => {
    let killed = 0;
    let begun = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const made = [0, 1, 2].map((index) => files.add(`${round}-${index}`, index === 2 ? 100_000 : 6 * MIB));
      const paths = made.map((file) => file.path);
      r2.reset();
      // From the first request to about the last.
      const signal = await killedAfter(1 + Math.floor((round / ROUNDS) * 14), paths);
      if (signal === 'SIGKILL') killed++;
      begun += (await begunUploads(at)).length;
      for (const [index, file] of made.entries()) {
        const object = await r2.get('media', `${round}-${index}`);
        assert.ok(object === null || object.equals(file.bytes), 'whole or not there');
      }
      const outcomes = await uploadMany(paths, { s3: at.s3 });
      assert.ok(
        outcomes.every((outcome) => outcome.status !== 'failed'),
        JSON.stringify(outcomes),
      );
      for (const [index, file] of made.entries()) {
        assert.ok((await r2.get('media', `${round}-${index}`)).equals(file.bytes));
      }
      assert.deepEqual(await begunUploads(at), []);
    }
    assert.ok(killed > 0, 'no process was killed in time');
    assert.ok(begun > 0, 'no upload was cut');
  });
});
