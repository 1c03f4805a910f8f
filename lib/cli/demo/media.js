'use strict';

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const fsp = require('node:fs/promises');
const path = require('node:path');
const { requirePeer } = require('../../peer');
const { mediaSpecs } = require('./media-specs');
const { pdfOf } = require('./pdf');

/** Raise it when a recipe changes without its arguments changing (pdf.js, for one): files made by an older one are then made again. */
const GENERATION = 1;

/**
 * @typedef {object} MediaFile
 * @property {string} name file name, sent to Telegram
 * @property {string} kind photo | video | audio | voice | animation | document | sticker | video_note
 * @property {string} contentType
 * @property {string} path
 * @property {number} bytes
 * @property {string} sha256 64 lower-case hex digits
 */

function ffmpegPath() {
  return requirePeer('@ffmpeg-installer/ffmpeg', 'making the demo media').path;
}

function run(binary, args, signal) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-2000);
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`ffmpeg ended with ${code}: ${said}`))));
  });
}

function sha256Of(file) {
  return new Promise((resolve, reject) => {
    const hash = crypto.createHash('sha256');
    fs.createReadStream(file, { highWaterMark: 1 << 20 })
      .on('data', (chunk) => hash.update(chunk))
      .on('error', reject)
      .on('end', () => resolve(hash.digest('hex')));
  });
}

/** What a cached file was made from; another recipe, generator or ffmpeg gives another text, and the file is made again. */
function recipeOf(spec, ffmpeg) {
  const text = JSON.stringify([
    GENERATION,
    path.basename(path.dirname(ffmpeg)),
    spec.name,
    spec.pages ?? 0,
    spec.steps('OUT'),
  ]);
  return crypto.createHash('sha256').update(text).digest('hex').slice(0, 16);
}

async function makeOne(spec, directory, ffmpeg, signal) {
  // Encoders choose by the last extension; the process id keeps two runs that fill one folder apart.
  const extension = spec.pages ? '.jpg' : path.extname(spec.name);
  const draft = path.join(directory, `.draft-${process.pid}-${spec.name}${extension}`);
  const clip = `${draft}.clip.mp4`;
  try {
    for (const step of spec.steps(draft)) await run(ffmpeg, step, signal);
    if (spec.pages)
      await fsp.writeFile(draft, pdfOf(await fsp.readFile(draft), spec.pages, path.parse(spec.name).name));
    await fsp.rename(draft, path.join(directory, spec.name));
  } finally {
    await Promise.all([fsp.rm(draft, { force: true }), fsp.rm(clip, { force: true })]);
  }
}

async function readManifest(directory) {
  try {
    return JSON.parse(await fsp.readFile(path.join(directory, 'manifest.json'), 'utf8'));
  } catch {
    return {};
  }
}

/** Merged with what is on disk and renamed into place, because two runs may fill one folder at the same time. */
async function saveManifest(directory, added) {
  const merged = { ...(await readManifest(directory)), ...added };
  const draft = path.join(directory, `.draft-${process.pid}-manifest.json`);
  await fsp.writeFile(draft, `${JSON.stringify(merged, null, 2)}\n`);
  await fsp.rename(draft, path.join(directory, 'manifest.json'));
}

async function entryIfCurrent(spec, entry, directory, recipe) {
  if (entry?.recipe !== recipe) return null;
  const file = path.join(directory, spec.name);
  const stat = await fsp.stat(file).catch(() => null);
  if (stat?.size !== entry.bytes || (await sha256Of(file)) !== entry.sha256) return null;
  return entry;
}

/**
 * Makes the demo's media, or takes them from the folder where an earlier run left them (checked by size and sha256 against its manifest).
 * Needs the package `@ffmpeg-installer/ffmpeg`, which carries an ffmpeg binary, only for files that are not there yet.
 *
 * @param {object} options
 * @param {string} options.directory the cache folder; made when missing
 * @param {number} [options.count] how many (default: all); a smaller number still spreads over all kinds
 * @param {number} [options.parallel=2] encoders at once
 * @param {AbortSignal} [options.signal] stops the encoders; files that are whole stay
 * @param {(made: number, total: number) => void} [options.onProgress] called after each file that had to be made
 * @returns {Promise<MediaFile[]>}
 */
async function makeMedia({ directory, count, parallel = 2, signal, onProgress = () => {} }) {
  const ffmpeg = ffmpegPath();
  const specs = mediaSpecs().slice(0, count);
  await fsp.mkdir(directory, { recursive: true });
  const manifest = await readManifest(directory);

  const files = new Array(specs.length);
  const missing = [];
  for (const [index, spec] of specs.entries()) {
    const recipe = recipeOf(spec, ffmpeg);
    const entry = await entryIfCurrent(spec, manifest[spec.name], directory, recipe);
    if (entry) files[index] = entry;
    else missing.push({ index, spec, recipe });
  }

  const total = missing.length;
  let made = 0;
  const added = {};
  // From the back: the large files take longest, and should not be what the last encoder is left with.
  const worker = async () => {
    for (let next = missing.pop(); next && !signal?.aborted; next = missing.pop()) {
      const { index, spec, recipe } = next;
      const file = path.join(directory, spec.name);
      await makeOne(spec, directory, ffmpeg, signal);
      const { size } = await fsp.stat(file);
      added[spec.name] = { recipe, bytes: size, sha256: await sha256Of(file) };
      files[index] = added[spec.name];
      made++;
      onProgress(made, total);
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: parallel }, worker));
  if (total > 0) await saveManifest(directory, added);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
  signal?.throwIfAborted();

  return specs.map((spec, index) => ({
    name: spec.name,
    kind: spec.kind,
    contentType: spec.contentType,
    path: path.join(directory, spec.name),
    bytes: files[index].bytes,
    sha256: files[index].sha256,
  }));
}

module.exports = { makeMedia, sha256Of };
