'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');

const md5 = (bytes) => createHash('md5').update(bytes).digest();

/** The bytes of what GetObject gave. */
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

/** The refusal a call ends with; `name` is the S3 code where the answer carries one. */
async function refusal(promise) {
  const error = await promise.then(
    () => assert.fail('it should have been refused'),
    (why) => why,
  );
  assert.ok(error.$metadata?.httpStatusCode, `no answer at all: ${error}`);
  return { status: error.$metadata.httpStatusCode, code: error.name };
}

/** What the sandbox answers is exact; where others refuse too, how they put it is their own business. */
const refusedAs = (c, got, status, code) => {
  assert.ok(got.status >= 400 && got.status < 500, `status ${got.status}`);
  if (c.strict) assert.deepEqual(got, { status, code });
};

module.exports = { md5, bytesOf, refusal, refusedAs };
