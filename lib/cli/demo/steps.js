'use strict';

const fsp = require('node:fs/promises');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { DemoError } = require('./app');
const { makeMedia } = require('./media');
const { cacheDir } = require('./paths');
const { progressBar } = require('./progress');
const { readMediaFolder } = require('./user-media');

const UPLOADS_AT_ONCE = 3;
const POLL_MS = 100;
const STALL_MS = 180_000;
const MAX_ITEMS = 500;

const total = (files) =>
  `${files.length} media, ${(files.reduce((sum, file) => sum + file.bytes, 0) / 1e6).toFixed(1)} MB`;

/** The media to warm up: the user's folder, or the generated set. */
async function gatherMedia({ args, out, print, signal }) {
  if (args.media) {
    const onSkip = (file, why) => print(`  left out: ${file}: ${why}`);
    const files = await readMediaFolder(args.media, { count: args.count, onSkip });
    print(`  ${total(files)} from ${args.media}`);
    return files;
  }
  const bar = progressBar(out, 'encoding');
  const directory = path.join(cacheDir(), 'demo-media');
  const files = await makeMedia({
    directory,
    count: args.count,
    signal,
    onProgress: (made, missing) => bar.update(made, missing),
  });
  bar.end();
  if (files.length < args.count)
    print(`  the set holds ${files.length}, not ${args.count}: --media DIR takes your own`);
  print(`  ${total(files)}: JPEG, PNG, WebP, GIF, MP4, MP3, OGG, PDF`);
  return files;
}

/** Puts every file into the bucket for every bot, through the app; `uploaded` grows with what is there, ready to be enqueued. */
async function uploadAll({ client, bots, files, uploaded, out }) {
  const bar = progressBar(out, 'uploading');
  const todo = files.flatMap((file) => bots.map((bot) => ({ file, bot })));
  const failed = new AbortController();
  const worker = async () => {
    for (let next = todo.shift(); next && !failed.signal.aborted; next = todo.shift()) {
      const { file, bot } = next;
      const media = await client.upload(bot.slug, file, await fsp.readFile(file.path));
      uploaded.push({ bot_slug: media.bot_slug, sha256: media.sha256, kind: media.kind, r2_key: media.r2_key });
      bar.update(uploaded.length, files.length * bots.length);
    }
  };
  const guarded = () =>
    worker().catch((error) => {
      failed.abort();
      throw error;
    });
  try {
    // allSettled: nothing may still be uploading when the stack is stopped.
    const outcomes = await Promise.allSettled(Array.from({ length: UPLOADS_AT_ONCE }, guarded));
    const rejected = outcomes.find((outcome) => outcome.status === 'rejected');
    if (rejected) throw rejected.reason;
  } finally {
    bar.end();
  }
}

/** Enqueues over HTTP; what found the queue full is offered again until it is taken. */
async function enqueueAll(client, items, signal) {
  let waiting = items;
  while (waiting.length > 0) {
    const again = [];
    for (let at = 0; at < waiting.length; at += MAX_ITEMS) {
      const batch = waiting.slice(at, at + MAX_ITEMS);
      const { results } = await client.prewarm(batch);
      again.push(...batch.filter((_, index) => results[index].status === 'full'));
    }
    waiting = again;
    if (waiting.length > 0) await sleep(POLL_MS, undefined, { signal });
  }
}

/**
 * Waits until no row is `warming`.
 * @param {object} options
 * @param {() => object | null} options.fatal the log line of a job that failed for good, if there was one: waiting mends nothing then
 * @throws {DemoError} on such a failure, when the app ends, and after three minutes without progress
 */
async function waitUntilWarm({ client, app, expected, fatal, out, signal }) {
  const bar = progressBar(out, 'warming up');
  let last = -1;
  let movedAt = performance.now();
  try {
    for (;;) {
      if (!app.process.isRunning()) throw new DemoError('the app ended before its time');
      const counts = await client.counts();
      const done = counts.ready + counts.error;
      bar.update(done, expected, counts.error ? `(${counts.error} failed)` : '');
      if (done >= expected && counts.warming === 0) return counts;
      const failure = fatal();
      if (failure) throw new DemoError(`${failure.bot_slug} ${failure.kind}: ${failure.code}: ${failure.error}`);
      if (done !== last) movedAt = performance.now();
      last = done;
      if (performance.now() - movedAt > STALL_MS) {
        throw new DemoError(`no progress for ${STALL_MS / 1000} s: ${JSON.stringify(counts)}`);
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  } finally {
    bar.end();
  }
}

module.exports = { gatherMedia, uploadAll, enqueueAll, waitUntilWarm };
