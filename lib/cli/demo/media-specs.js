'use strict';

/**
 * The recipes of the demo's media: what each file is, and the ffmpeg inputs and outputs that make it.
 *
 * Every recipe is deterministic (synthetic sources with fixed seeds, one encoder thread, bit-exact muxers), so the same ffmpeg gives
 * the same bytes, and the sizes below are spread over three and a half orders of magnitude (about 10 KB to 30 MB) on purpose.
 */

const EXACT = ['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact'];
// x264's output depends on the number of its threads, so one thread is part of the recipe.
const H264 = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-pix_fmt',
  'yuv420p',
  '-threads',
  '1',
  '-movflags',
  '+faststart',
];

const lavfi = (graph) => ['-f', 'lavfi', '-i', graph];
const noise = (strength, seed) => (strength > 0 ? `,noise=alls=${strength}:allf=t:all_seed=${seed}` : '');
const one = (output) => ({ steps: (out) => [[...output, ...EXACT, out]] });

function jpeg(name, source, size, { noise: strength = 0, quality = 4, seed = 1 } = {}) {
  const graph = `${source}=s=${size}${noise(strength, seed)}`;
  const args = [...lavfi(graph), '-frames:v', '1', '-pix_fmt', 'yuvj420p', '-q:v', String(quality)];
  return { name: `${name}.jpg`, kind: 'photo', contentType: 'image/jpeg', ...one(args) };
}

function png(name, source, size, { noise: strength = 0, seed = 1 } = {}) {
  const args = [...lavfi(`${source}=s=${size}${noise(strength, seed)}`), '-frames:v', '1', '-pix_fmt', 'rgb24'];
  return { name: `${name}.png`, kind: 'photo', contentType: 'image/png', ...one(args) };
}

function webp(name, source, { noise: strength = 0, quality = 75, seed = 1 } = {}) {
  const graph = `${source}=s=512x512${noise(strength, seed)}`;
  const args = [...lavfi(graph), '-frames:v', '1', '-c:v', 'libwebp', '-quality', String(quality)];
  return { name: `${name}.webp`, kind: 'sticker', contentType: 'image/webp', ...one(args) };
}

function gif(name, size, seconds, { rate = 12, noise: strength = 0, seed = 1 } = {}) {
  const args = lavfi(`testsrc2=s=${size}:r=${rate}:d=${seconds}${noise(strength, seed)}`);
  return { name: `${name}.gif`, kind: 'animation', contentType: 'image/gif', ...one(args) };
}

function mp4(name, kind, size, seconds, options = {}) {
  const { rate = 25, noise: strength = 0, quality = 23, tone = 0, seed = 1 } = options;
  const args = lavfi(`testsrc2=s=${size}:r=${rate}:d=${seconds}${noise(strength, seed)}`);
  if (tone) args.push(...lavfi(`sine=f=${tone}:r=44100:d=${seconds}`), '-c:a', 'aac', '-b:a', '96k');
  args.push(...H264, '-qp', String(quality));
  return { name: `${name}.mp4`, kind, contentType: 'video/mp4', ...one(args) };
}

/** A large video: one noisy second is encoded, then repeated by stream copy, because encoding tens of MB of noise takes a minute. */
function longMp4(name, repeats, { seed = 1, tone = 0 } = {}) {
  const clip = mp4(name, 'video', '640x360', 1, { noise: 40, quality: 18, seed, tone });
  return {
    ...clip,
    steps: (out) => [
      ...clip.steps(`${out}.clip.mp4`),
      [
        '-stream_loop',
        String(repeats - 1),
        '-i',
        `${out}.clip.mp4`,
        '-c',
        'copy',
        '-movflags',
        '+faststart',
        ...EXACT,
        out,
      ],
    ],
  };
}

function mp3(name, seconds, { tone = 440, rate = '128k' } = {}) {
  const args = [
    ...lavfi(`sine=f=${tone}:r=44100:d=${seconds}`),
    '-c:a',
    'libmp3lame',
    '-b:a',
    rate,
    '-id3v2_version',
    '3',
  ];
  return { name: `${name}.mp3`, kind: 'audio', contentType: 'audio/mpeg', ...one(args) };
}

function voice(name, seconds, { tone = 300, rate = '24k' } = {}) {
  const graph = `sine=f=${tone}:r=48000:d=${seconds},tremolo=f=4:d=0.8`;
  const args = [...lavfi(graph), '-ac', '1', '-c:a', 'libopus', '-b:a', rate, '-application', 'voip'];
  return { name: `${name}.ogg`, kind: 'voice', contentType: 'audio/ogg', ...one(args) };
}

/** A PDF holds `pages` copies of the JPEG made by ffmpeg, each followed by its own label; written by pdf.js. */
function pdf(name, pages, size, { noise: strength = 0, quality = 4, seed = 1 } = {}) {
  const picture = jpeg(name, 'testsrc2', size, { noise: strength, quality, seed });
  return { name: `${name}.pdf`, kind: 'document', contentType: 'application/pdf', pages, steps: picture.steps };
}

/** Groups run from small to large, so that taking the first of each group gives one small file of every kind. */
const GROUPS = [
  [
    jpeg('avatar', 'testsrc2', '400x400', { quality: 4 }),
    jpeg('card', 'testsrc2', '640x480', { quality: 4 }),
    jpeg('banner', 'mandelbrot', '1280x480', { quality: 4 }),
    jpeg('portrait', 'testsrc2', '720x1280', { noise: 15, quality: 4, seed: 2 }),
    jpeg('landscape', 'mandelbrot', '1920x1080', { noise: 20, quality: 4, seed: 3 }),
    jpeg('poster', 'testsrc2', '1600x2400', { noise: 25, quality: 3, seed: 4 }),
    jpeg('camera', 'mandelbrot', '3200x2400', { noise: 30, quality: 3, seed: 5 }),
    jpeg('camera-large', 'testsrc2', '4000x3000', { noise: 30, quality: 3, seed: 6 }),
  ],
  [
    mp4('clip-tiny', 'video', '320x180', 2, { quality: 30 }),
    mp4('clip-sound', 'video', '480x270', 4, { quality: 28, tone: 440 }),
    mp4('clip-sd', 'video', '640x360', 5, { quality: 24, tone: 330 }),
    mp4('clip-vertical', 'video', '360x640', 6, { quality: 20 }),
    mp4('clip-hd', 'video', '1280x720', 5, { quality: 20, tone: 220 }),
    mp4('clip-noisy', 'video', '640x360', 3, { noise: 20, quality: 24, tone: 550, seed: 7 }),
    longMp4('talk', 2, { seed: 8, tone: 262 }),
    longMp4('lesson', 3, { seed: 9, tone: 294 }),
    longMp4('lesson-long', 4, { seed: 10 }),
    longMp4('film', 5, { seed: 11, tone: 349 }),
  ],
  [
    voice('voice-short', 3),
    voice('voice-note', 12, { tone: 220 }),
    voice('voice-long', 60, { tone: 180 }),
    voice('voice-hifi', 45, { tone: 260, rate: '64k' }),
  ],
  [
    webp('sticker-flat', 'testsrc2', { quality: 85 }),
    webp('sticker-fractal', 'mandelbrot', { quality: 75 }),
    webp('sticker-grain', 'mandelbrot', { noise: 15, quality: 80, seed: 12 }),
    webp('sticker-rich', 'testsrc2', { noise: 35, quality: 92, seed: 13 }),
  ],
  [
    pdf('leaflet', 1, '400x300', { quality: 6 }),
    pdf('price-list', 4, '800x600', { quality: 4 }),
    pdf('brochure', 6, '1200x900', { noise: 12, quality: 4, seed: 14 }),
    pdf('catalogue', 12, '1600x1200', { noise: 25, quality: 3, seed: 15 }),
    pdf('catalogue-full', 28, '1600x1200', { noise: 25, quality: 3, seed: 16 }),
  ],
  [
    gif('spinner', '120x120', 1),
    gif('reaction', '240x180', 2),
    gif('meme', '320x240', 4, { noise: 5, seed: 17 }),
    gif('screencast', '480x360', 4, { noise: 12, seed: 18 }),
    mp4('loop', 'animation', '480x480', 3, { quality: 26 }),
    mp4('loop-grain', 'animation', '480x480', 2, { noise: 12, quality: 24, seed: 19 }),
  ],
  [
    mp3('jingle', 3),
    mp3('ringtone', 20, { tone: 523 }),
    mp3('song', 90, { tone: 392, rate: '192k' }),
    mp3('podcast', 240, { tone: 147, rate: '128k' }),
    mp3('album-track', 150, { tone: 494, rate: '320k' }),
  ],
  [
    png('logo', 'testsrc2', '400x400'),
    png('diagram', 'testsrc2', '1024x768'),
    png('fractal', 'mandelbrot', '1280x960'),
    png('screenshot', 'testsrc2', '1920x1080', { noise: 8, seed: 20 }),
  ],
  [
    mp4('note', 'video_note', '240x240', 3, { quality: 28, tone: 400 }),
    mp4('note-long', 'video_note', '384x384', 12, { quality: 24, tone: 350 }),
  ],
];

/**
 * All recipes, the first of each group before the second of each group: a prefix of any length is a spread of kinds, small files first.
 * @returns {{ name: string, kind: string, contentType: string, pages?: number, steps: (out: string) => string[][] }[]}
 */
function mediaSpecs() {
  const longest = Math.max(...GROUPS.map((group) => group.length));
  const specs = [];
  for (let rank = 0; rank < longest; rank++) {
    for (const group of GROUPS) if (rank < group.length) specs.push(group[rank]);
  }
  return specs;
}

module.exports = { mediaSpecs };
