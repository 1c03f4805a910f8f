'use strict';

// Many files through a mix of faults, run after run until all are stored: no run leaves half an object, none forgets a file, and the
// last one has nothing to do.

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { uploadMany } = require('../index.js');
const { mixF } = require('../lib/testing');
const { MIB, begunUploads, startBucket } = require('./support/upload');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const SEEDS = LONG ? [1, 2, 3, 4, 5, 6] : [1];
const [SMALL, LARGE] = LONG ? [300, 20] : [80, 4];

/** Failures that the next run may not have; anything else would be a wrong verdict on a fault. */
const PASSING = /^ERR_WARMPATH_S3_(UNAVAILABLE|THROTTLED|ACCESS|PROTOCOL)$/;

describe('files through a mix of faults', () => {
  let r2;
  let at;
  let files;
  let close;
  before(async () => {
    ({ r2, at, files, close } = await startBucket());
  });
  after(() => close?.());

  for (const seed of SEEDS) {
    it(`arrive whole in the end (seed ${seed})`, async () => {
      r2.reset();
      const made = Array.from({ length: SMALL + LARGE }, (_, index) =>
        files.add(`${seed}-${index}`, index < SMALL ? 1 + index * 500 : 5 * MIB + index),
      );
      const paths = made.map((file) => file.path);
      const mix = r2.faults.mix(mixF(seed));
      const timeouts = { connectMs: 500, firstByteMs: 500, idleMs: 500, answerMs: 500 };
      let outcomes;
      let runs = 0;
      do {
        outcomes = await uploadMany(paths, { s3: at.s3, concurrency: 16, timeouts });
        for (const { status, key, error } of outcomes) {
          const object = await r2.get('media', key);
          if (status === 'failed') assert.match(error.code, PASSING, `${key}: ${error.message}`);
          else assert.ok(object.equals(made[outcomes.findIndex((one) => one.key === key)].bytes), key);
          if (object) assert.ok(object.equals(made[outcomes.findIndex((one) => one.key === key)].bytes), key);
        }
      } while (outcomes.some((outcome) => outcome.status === 'failed') && ++runs < 10);
      assert.ok(outcomes.every((outcome) => outcome.status !== 'failed'));
      const bites = Object.values(mix.counts).reduce((sum, { bites: one }) => sum + one, 0);
      assert.ok(bites > 10, `${bites} faults bit`);
      r2.faults.clear();
      const last = await uploadMany(paths, { s3: at.s3 });
      assert.ok(last.every((outcome) => outcome.status === 'skipped'));
      // A begin that was carried out and never answered is all that may be left; every one of them had such a fault.
      const lost = r2.requests.filter(
        (one) => one.operation === 'CreateMultipartUpload' && one.faults.length > 0,
      ).length;
      assert.ok((await begunUploads(at)).length <= lost);
    });
  }
});
