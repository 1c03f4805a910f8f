'use strict';

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { provideFfmpeg } = require('../../scripts/ffmpeg.js');
const { CACHE_DIR } = require('./services.js');

const tool = (name) => (process.env.WARMPATH_FFMPEG_DIR ? path.join(process.env.WARMPATH_FFMPEG_DIR, name) : name);

/** Why the tests with real media cannot run, or false. With CI=true a missing tool is a failure. */
function ffmpegMissing() {
  provideFfmpeg();
  const missing = ['ffmpeg', 'ffprobe'].find(
    (name) => spawnSync(tool(name), ['-version'], { stdio: 'ignore' }).status !== 0,
  );
  if (missing === undefined) return false;
  if (process.env.CI === 'true') throw new Error(`${missing} is missing: set WARMPATH_FFMPEG_DIR or PATH`);
  return `${missing} is missing: set WARMPATH_FFMPEG_DIR or PATH`;
}

const folder = path.join(CACHE_DIR, 'test-media');

/** A file made by ffmpeg, kept for the next run; arguments are separated by blanks, `@name` is a file made before. */
function makeMedia(name, args) {
  const file = path.join(folder, name);
  if (fs.existsSync(file)) return file;
  fs.mkdirSync(folder, { recursive: true });
  const words = args.split(/\s+/).map((word) => (word.startsWith('@') ? path.join(folder, word.slice(1)) : word));
  // Whole or not there: a run that is killed leaves no half file behind.
  const half = path.join(folder, `half-${process.pid}-${name}`);
  execFileSync(tool('ffmpeg'), ['-v', 'error', '-nostdin', '-y', ...words, '-threads', '1', half]);
  fs.renameSync(half, file);
  return file;
}

/** What ffprobe says: the first video stream's size as it is shown, and whole seconds. */
function ffprobe(file) {
  const args = ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file];
  const { streams, format } = JSON.parse(execFileSync(tool('ffprobe'), args, { encoding: 'utf8' }));
  const video = streams.find(({ codec_type }) => codec_type === 'video');
  const [across, down] = (video.sample_aspect_ratio ?? '1:1').split(':').map(Number);
  const size = [across > 0 ? Math.round((video.width * across) / down) : video.width, video.height];
  const turned = (video.side_data_list ?? []).some(({ rotation }) => Math.abs(rotation ?? 0) % 180 === 90);
  const [width, height] = turned ? size.reverse() : size;
  return { width, height, duration: Math.round(Number(format.duration)) };
}

/** A digest of every decoded frame and sample. */
const frames = (file) =>
  execFileSync(tool('ffmpeg'), ['-v', 'error', '-nostdin', '-i', file, '-map', '0', '-c', 'copy', '-f', 'md5', '-'], {
    encoding: 'utf8',
  });

module.exports = { ffmpegMissing, makeMedia, ffprobe, frames };
