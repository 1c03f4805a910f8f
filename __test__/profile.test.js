'use strict';

// The profile that the addon is compiled with: that it belongs to what is compiled. What it gives is benchmark/'s.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { MANIFESTS, RECORDED, fileOf, flags, manifests, rustc, unfit } = require('../scripts/profile/guide.js');

const recorded = JSON.parse(fs.readFileSync(RECORDED, 'utf8'));
const { host, version } = rustc();

test('the recorded profiles are those of these versions and settings', () => {
  assert.ok(Object.keys(recorded).length > 0);
  for (const [name, of] of Object.entries(recorded)) {
    assert.strictEqual(
      of.manifests,
      manifests(),
      `${MANIFESTS.join(', ')}: npm run profile, as ${name} knows none of these functions`,
    );
  }
});

test('each recorded profile is there, and no other', () => {
  const kept = fs.readdirSync(path.dirname(RECORDED)).filter((name) => name.endsWith('.br'));
  assert.deepStrictEqual(kept.sort(), Object.keys(recorded).sort());
});

test('where a profile fits, the compiler is given it', (t) => {
  const name = path.basename(fileOf(host));
  if (recorded[name]?.rustc !== version) return t.skip(`no profile for ${host} and rustc ${version}`);
  assert.strictEqual(unfit(host), null);
  const [flag, ...others] = flags(host);
  assert.deepStrictEqual(others, []);
  const file = /^-Cprofile-use=(.+)$/.exec(flag)[1];
  assert.ok(path.isAbsolute(file), 'crates are compiled in folders of their own');
  // The magic number of LLVM's indexed profiles (llvm/ProfileData/InstrProf.h).
  const head = fs.readFileSync(file).subarray(0, 8);
  assert.deepStrictEqual(head, Buffer.from([0xff, ...Buffer.from('lprofi'), 0x81]));
});

test('a platform without a profile is built without one', () => {
  assert.match(unfit('riscv64gc-unknown-linux-gnu'), /none was recorded for riscv64gc-unknown-linux-gnu/);
  assert.deepStrictEqual(flags('riscv64gc-unknown-linux-gnu'), []);
});
