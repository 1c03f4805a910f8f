'use strict';

// The same app where the native part cannot be loaded: importing takes nothing down, using it says what is wrong. Arguments are texts
// that the message must hold.

const assert = require('node:assert/strict');
const { SigV4Signer, WarmpathError } = require('warmpath');

try {
  new SigV4Signer({ accessKeyId: 'id', secretAccessKey: 'secret' });
  assert.fail('the native part was loaded');
} catch (error) {
  assert.ok(error instanceof WarmpathError, error.stack);
  assert.equal(error.code, 'ERR_WARMPATH_NATIVE_LOAD');
  for (const text of process.argv.slice(2))
    assert.ok(error.message.includes(text), `no "${text}" in: ${error.message}`);
}
console.log(JSON.stringify({ node: process.versions.node, refused: true }));
