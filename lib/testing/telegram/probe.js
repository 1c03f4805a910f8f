'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { requirePeer } = require('../../peer');
const { gifDuration } = require('./gif');

/**
 * What a file really is.
 * @typedef {{ format: string, width?: number, height?: number, duration?: number, image: boolean, video: boolean, audio: boolean, title?: string, performer?: string, mime?: string }} Probe
 */

const MIME = {
  JPEG: 'image/jpeg',
  PNG: 'image/png',
  WebP: 'image/webp',
  GIF: 'image/gif',
  'MPEG-4': 'video/mp4',
  QuickTime: 'video/quicktime',
  WebM: 'video/webm',
  Matroska: 'video/x-matroska',
  'MPEG Audio': 'audio/mpeg',
  Ogg: 'audio/ogg',
  FLAC: 'audio/flac',
  Wave: 'audio/x-wav',
  PDF: 'application/pdf',
};

const MAX_READ = 8 * 1024 * 1024;

/** Reads geometry and duration out of the bytes with MediaInfo (WASM, optional peer `mediainfo.js`). */
class Prober {
  #library = null;
  // One WASM instance can read one file at a time.
  #queue = Promise.resolve();
  #known = new Map();

  /**
   * @param {{ sha256: string, size: number, data: Buffer | null, file: string | null }} content
   * @returns {Promise<Probe>}
   */
  probe(content) {
    let result = this.#known.get(content.sha256);
    if (!result) {
      result = this.#queue.then(() => this.#read(content));
      this.#known.set(content.sha256, result);
      // A failure is no knowledge: the next upload of these bytes tries again.
      this.#queue = result.catch(() => this.#known.delete(content.sha256));
      if (this.#known.size > 5000) this.#known.delete(this.#known.keys().next().value);
    }
    return result;
  }

  async #open() {
    const { default: mediaInfoFactory } = requirePeer('mediainfo.js', 'TelegramSandbox with probe');
    const folder = path.dirname(require.resolve('mediainfo.js/MediaInfoModule.wasm'));
    return mediaInfoFactory({ format: 'object', locateFile: (name) => path.join(folder, name) });
  }

  async #read(content) {
    this.#library ??= this.#open();
    const library = await this.#library;
    const handle = content.data ? null : await fs.promises.open(content.file, 'r');
    const readAt = async (size, offset) => {
      if (content.data) return content.data.subarray(offset, offset + size);
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size, offset);
      return buffer.subarray(0, bytesRead);
    };
    let read = 0;
    const readChunk = (size, offset) => {
      read += size;
      // Bytes that are no media at all would be searched to their end, at up to a second per MiB.
      return read > MAX_READ ? new Uint8Array(0) : readAt(size, offset);
    };
    try {
      const result = await library.analyzeData(() => content.size, readChunk);
      const probe = summarise(result.media?.track ?? []);
      if (probe.format === 'GIF') probe.duration = gifDuration(await readAt(content.size, 0));
      return probe;
    } finally {
      await handle?.close();
    }
  }

  async close() {
    await this.#queue;
    if (this.#library) (await this.#library.catch(() => null))?.close();
    this.#library = null;
  }
}

function summarise(tracks) {
  const first = (type) => tracks.find((track) => track['@type'] === type);
  const general = first('General') ?? {};
  const video = first('Video');
  const audio = first('Audio');
  const image = first('Image');
  const visual = video ?? image ?? {};
  const turned = [90, 270].includes(Math.abs(Math.round(Number(visual.Rotation ?? 0))));
  const format = String(general.Format ?? '');
  let mime = MIME[format];
  if (format === 'MPEG-4' && !video) mime = 'audio/mp4';
  if (format === 'WebM' && !video) mime = 'audio/webm';
  return {
    format,
    codec: String((video ?? audio)?.Format ?? ''),
    width: turned ? visual.Height : visual.Width,
    height: turned ? visual.Width : visual.Height,
    duration: general.Duration ?? video?.Duration ?? audio?.Duration,
    image: Boolean(image) && !video,
    video: Boolean(video),
    audio: Boolean(audio),
    title: general.Title ?? general.Track,
    performer: general.Performer,
    mime,
  };
}

module.exports = { Prober };
