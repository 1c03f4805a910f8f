'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { describe, it } = require('node:test');
const { makeMedia, sha256Of } = require('../lib/cli/demo/media');
const { sniff, kindOf } = require('../lib/cli/demo/user-media');
const { CACHE_DIR } = require('./support/services');

const KB = 1000;
const MB = 1_000_000;

describe("the demo's media", () => {
  it('are real files of many kinds, from 10 KB to 30 MB', async () => {
    const files = await makeMedia({ directory: path.join(CACHE_DIR, 'demo-media') });
    assert.ok(files.length >= 40);
    assert.equal(new Set(files.map((file) => file.sha256)).size, files.length);
    const extensions = new Set(files.map((file) => path.extname(file.name)));
    assert.deepEqual([...extensions].sort(), ['.gif', '.jpg', '.mp3', '.mp4', '.ogg', '.pdf', '.png', '.webp']);
    const kinds = new Set(files.map((file) => file.kind));
    const all = ['animation', 'audio', 'document', 'photo', 'sticker', 'video', 'video_note', 'voice'];
    assert.deepEqual([...kinds].sort(), all);

    const sizes = files.map((file) => file.bytes).sort((a, b) => a - b);
    assert.ok(sizes[0] >= 10 * KB && sizes[0] < 20 * KB, `smallest ${sizes[0]}`);
    assert.ok(sizes.at(-1) > 25 * MB && sizes.at(-1) <= 30 * MB, `largest ${sizes.at(-1)}`);
    const between = (from, to) => sizes.filter((size) => size >= from && size < to).length;
    for (const [from, to] of [
      [10 * KB, 100 * KB],
      [100 * KB, MB],
      [MB, 10 * MB],
      [20 * MB, 30 * MB],
    ]) {
      assert.ok(between(from, to) >= 3, `${between(from, to)} files from ${from} to ${to}`);
    }
    for (const file of files) {
      if (file.kind === 'photo') assert.ok(file.bytes <= 10 * MB, file.name);
      if (file.kind === 'sticker') assert.ok(file.bytes <= 512 * 1024, file.name);
      const handle = await fs.open(file.path);
      const { buffer } = await handle.read(Buffer.alloc(64), 0, 64, 0);
      await handle.close();
      assert.equal(sniff(buffer), file.contentType, file.name);
    }
  });

  it('are the same bytes each time, made once, and made again when damaged', async () => {
    const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'warmpath-media-test-'));
    try {
      const count = 9;
      let made = 0;
      const make = () => makeMedia({ directory, count, onProgress: () => made++ });
      const first = await make();
      assert.equal(made, count);
      assert.deepEqual(await make(), first);
      assert.equal(made, count, 'nothing is made twice');

      await fs.appendFile(first[0].path, 'x');
      const damaged = await fs.readFile(first[1].path);
      damaged[damaged.length - 1] ^= 1;
      await fs.writeFile(first[1].path, damaged);
      await fs.rm(first[2].path);
      assert.deepEqual(await make(), first);
      assert.equal(made, count + 3);
      for (const file of first) assert.equal(await sha256Of(file.path), file.sha256);
      const names = await fs.readdir(directory);
      assert.deepEqual(
        names.filter((name) => name.startsWith('.')),
        [],
        'no drafts stay behind',
      );
    } finally {
      await fs.rm(directory, { recursive: true, force: true });
    }
  });

  it('of the user get the kind that Telegram takes them as', () => {
    const cases = [
      ['image/jpeg', 5 * MB, 'photo'],
      ['image/png', 11 * MB, 'document'],
      ['image/webp', 400 * KB, 'sticker'],
      ['image/webp', 600 * KB, 'document'],
      ['image/gif', MB, 'animation'],
      ['video/mp4', MB, 'video'],
      ['video/quicktime', MB, 'document'],
      ['audio/mpeg', MB, 'audio'],
      ['audio/ogg', MB, 'voice'],
      ['application/ogg', MB, 'document'],
      ['application/octet-stream', MB, 'document'],
    ];
    for (const [type, bytes, kind] of cases) assert.equal(kindOf(type, bytes), kind, `${type} ${bytes}`);
  });
});
