'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { PrewarmExecutor } = require('..');
const { ffmpegMissing, makeMedia, ffprobe, frames } = require('./support/ffmpeg.js');
const { startStage, sha256 } = require('./support/prewarm.js');

const skip = ffmpegMissing();
const MEGABYTE = 1024 * 1024;

let stage;
let folder;
test.before(async () => {
  if (skip) return;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-media-'));
  stage = await startStage({ probe: true, saveTo: folder });
});
test.after(async () => {
  await stage?.close();
  if (folder) fs.rmSync(folder, { recursive: true });
});

function open(t, options) {
  stage.r2.reset();
  stage.tg.reset();
  const executor = new PrewarmExecutor(stage.options(options));
  t.after(() => executor.close({ timeoutMs: 0 }));
  return executor;
}

/** Warms a file; answers the value, what the sandbox wrote down of it, and where its bytes are. */
async function warm(t, bytes, fields, options) {
  const executor = open(t, options);
  const value = await executor.run(await stage.job(fields, bytes));
  const [record] = stage.tg.received;
  return { value, record, file: stage.tg.issued(value.fileId).path, stats: executor.stats() };
}

/** Geometry and duration, wherever they stand; the sandbox writes fractions of a second down. */
const shape = ({ width, height, duration }) => ({ width, height, duration: Math.round(duration) });

/** Whether the addon was built with the cargo feature of that name; else the option is refused, and says why. */
async function canShrink() {
  try {
    await new PrewarmExecutor(stage.options({ onLargePhoto: 'shrink' })).close();
    return true;
  } catch (err) {
    assert.equal(err.code, 'ERR_WARMPATH_INVALID_OPTION');
    assert.match(err.message, /onLargePhoto: 'shrink' is not in this build/);
    return false;
  }
}

/** 43 MB, most of it noise, the index at its end. */
const large = () =>
  makeMedia(
    'large.mp4',
    '-f lavfi -i testsrc2=size=1280x720:rate=25 -vf noise=alls=80:allf=t -c:v mpeg4 -q:v 2 -g 5 -fs 43M',
  );

const boxes = (file) => {
  const bytes = fs.readFileSync(file);
  return { moov: bytes.lastIndexOf('moov'), mdat: bytes.indexOf('mdat'), bytes };
};

test('43 MB of film with the index at the end: plays from the first byte, shown as it is', { skip }, async (t) => {
  const source = large();
  const { bytes, moov, mdat } = boxes(source);
  assert.ok(bytes.length > 40 * 1000 * 1000 && moov > mdat, `${bytes.length} bytes`);
  const { value, record, file, stats } = await warm(t, bytes, { kind: 'video' });
  const probed = ffprobe(file);
  assert.deepEqual([value.kind, record.kind, value.rewritten], ['video', 'video', 'faststart']);
  assert.deepEqual(shape(record), probed);
  assert.deepEqual(shape(value), probed);
  assert.deepEqual(shape(record.declared), probed, 'what we said is what ffprobe says');
  assert.equal(record.declared.supportsStreaming, true);
  const sent = boxes(file);
  assert.ok(sent.bytes.indexOf('moov') < sent.mdat, 'the index is in front');
  assert.equal(frames(file), frames(source));
  assert.ok(stats.bytesIn < bytes.length * 1.02, `${stats.bytesIn} bytes were read for ${bytes.length}`);
  assert.equal(value.bytes, bytes.length);
});

test('the same, cut in the middle of its download', { skip }, async (t) => {
  const bytes = fs.readFileSync(large());
  const executor = open(t, {});
  const job = await stage.job({ kind: 'video' }, bytes);
  stage.r2.faults.add({
    kind: 'cutAfterBytes',
    bytes: 20 * MEGABYTE,
    reset: true,
    match: { method: 'GET' },
  });
  const value = await executor.run(job);
  assert.equal(value.rewritten, 'faststart');
  const gets = stage.r2.requests.filter(({ method }) => method === 'GET');
  assert.equal(gets.length, 3, 'the file, its end, and the rest after the cut');
  assert.equal(frames(stage.tg.issued(value.fileId).path), frames(large()));
});

test('wrong bytes of such a film become no message', { skip }, async (t) => {
  const bytes = fs.readFileSync(large());
  const executor = open(t, {});
  const job = await stage.job({ kind: 'video' }, bytes);
  await assert.rejects(executor.run({ ...job, sha256: '0'.repeat(64) }), { code: 'ERR_WARMPATH_SHA256_MISMATCH' });
  assert.equal(stage.tg.received.length, 0);
});

for (const [name, size, args] of [
  ['turned.mp4', [240, 320], '-i @plain.mp4 -c copy -metadata:s:v:0 rotate=90'],
  ['oblong.mp4', [427, 240], '-i @plain.mp4 -c:v libx264 -pix_fmt yuv420p -vf setsar=4/3'],
]) {
  test(`${name} is told as it is shown`, { skip }, async (t) => {
    makeMedia('plain.mp4', '-f lavfi -i testsrc2=size=320x240:rate=10:duration=2 -c:v libx264 -pix_fmt yuv420p');
    const source = makeTurned(name, args);
    const { record, file, value } = await warm(t, fs.readFileSync(source), { kind: 'video' });
    const [width, height] = size;
    assert.deepEqual(ffprobe(file), { width, height, duration: 2 }, 'the file is what the test means');
    assert.deepEqual(shape(record.declared), { width, height, duration: 2 });
    assert.equal(value.kind, 'video');
  });
}

/** ffmpeg turns by metadata up to 5, by an option of its own from 6 on. */
function makeTurned(name, args) {
  if (name !== 'turned.mp4') return makeMedia(name, args);
  try {
    return makeMedia(name, '-display_rotation 90 -i @plain.mp4 -c copy');
  } catch {
    return makeMedia(name, args);
  }
}

test('a picture of 7000 x 5400: refused unsent, a document, or made smaller', { skip }, async (t) => {
  const bytes = fs.readFileSync(makeMedia('wide.png', '-f lavfi -i testsrc2=size=7000x5400 -frames:v 1'));
  const refuse = open(t, {});
  const job = await stage.job({ kind: 'photo' }, bytes);
  await assert.rejects(refuse.run(job), { code: 'ERR_WARMPATH_TELEGRAM_REJECTED', certainty: 'not-sent' });
  assert.equal(stage.tg.requests.length, 0, 'not a byte was sent');

  const document = await warm(t, bytes, { kind: 'photo' }, { onLargePhoto: 'document' });
  assert.deepEqual([document.value.kind, document.record.sha256], ['document', sha256(bytes)]);

  if (!(await canShrink())) return;
  const shrunk = await warm(t, bytes, { kind: 'photo' }, { onLargePhoto: 'shrink' });
  assert.deepEqual([shrunk.value.kind, shrunk.value.rewritten], ['photo', 'shrunk']);
  const { width, height } = ffprobe(shrunk.file);
  assert.deepEqual([shrunk.record.width, shrunk.record.height], [width, height]);
  assert.ok(width + height <= 10_000 && width + height > 9_990, `${width} x ${height}`);
  assert.ok(Math.abs(width / height - 7000 / 5400) < 0.001, `${width} x ${height}`);
});

test('a photo of 10 MiB is one, with a byte more it is not', { skip }, async (t) => {
  const small = fs.readFileSync(makeMedia('photo.jpg', '-f lavfi -i testsrc2=size=640x480 -frames:v 1'));
  // Bytes behind the end of a JPEG are nobody's.
  const fits = Buffer.concat([small, Buffer.alloc(10 * MEGABYTE - small.length)]);
  const { value, record } = await warm(t, fits, { kind: 'photo' });
  assert.deepEqual([value.kind, value.width, value.height, record.bytes], ['photo', 640, 480, 10 * MEGABYTE]);
  const more = Buffer.concat([fits, Buffer.alloc(1)]);
  const executor = open(t, {});
  await assert.rejects(executor.run(await stage.job({ kind: 'photo' }, more)), { code: 'ERR_WARMPATH_TOO_LARGE' });
  assert.equal(stage.tg.requests.length, 0);
  if (!(await canShrink())) return;
  const shrunk = await warm(t, more, { kind: 'photo' }, { onLargePhoto: 'shrink' });
  assert.deepEqual([shrunk.value.kind, shrunk.value.width, shrunk.value.height], ['photo', 640, 480]);
  assert.ok(shrunk.record.bytes < 10 * MEGABYTE);
});

test('fields of the job win, and reach the method that has them', { skip }, async (t) => {
  const song = fs.readFileSync(
    makeMedia('song.mp3', '-f lavfi -i sine=duration=7 -metadata title=Canção -metadata artist=Nós -c:a libmp3lame'),
  );
  const found = await warm(t, song, { kind: 'audio' });
  assert.deepEqual([found.value.kind, found.value.duration], ['audio', 7]);
  const { title, performer, duration } = found.record.declared;
  assert.deepEqual({ title, performer, duration }, { title: 'Canção', performer: 'Nós', duration: 7 });
  assert.equal(found.record.contentType, 'audio/mpeg');
  const given = await warm(t, song, { kind: 'audio', title: 'a', duration: 3 });
  assert.deepEqual([given.record.declared.title, given.record.declared.duration], ['a', 3]);
});
