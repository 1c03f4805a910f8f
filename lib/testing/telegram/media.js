'use strict';

const { badRequest } = require('./errors');

/** Longest side of the sizes Telegram makes of a photo, smallest first. */
const PHOTO_SIDES = [90, 320, 800, 1280];
const MAX_SIDES_SUM = 10_000;
const MAX_RATIO = 20;
const VIDEO_NOTE_SECONDS = 60;

const MPEG4 = new Set(['MPEG-4', 'QuickTime']);

/**
 * The kind Telegram makes of these bytes when they come by the method of `wanted`. Most methods do not refuse what they
 * cannot use: the message then holds a document (or a video), and that file_id can never be anything else.
 *
 * @param {string} wanted
 * @param {import('./probe').Probe} probe
 * @param {boolean} asIs `disable_content_type_detection` of sendDocument
 */
function kindOf(wanted, probe, asIs) {
  const moving = probe.format === 'GIF' || (probe.video && !probe.audio && MPEG4.has(probe.format));
  const sound = probe.audio && !probe.video;
  switch (wanted) {
    case 'photo':
      if (!probe.image) throw badRequest('IMAGE_PROCESS_FAILED');
      checkDimensions(probe);
      return 'photo';
    case 'video':
      return probe.video ? 'video' : 'document';
    case 'animation':
      return moving ? 'animation' : probe.video ? 'video' : 'document';
    case 'audio':
      return sound ? 'audio' : 'document';
    case 'voice':
      if (!sound) return 'document';
      return (probe.format === 'Ogg' && probe.codec === 'Opus') || ['MPEG Audio', 'MPEG-4'].includes(probe.format)
        ? 'voice'
        : 'audio';
    case 'video_note':
      if (!probe.video) return 'document';
      return MPEG4.has(probe.format) && probe.width === probe.height && probe.duration <= VIDEO_NOTE_SECONDS
        ? 'video_note'
        : 'video';
    case 'sticker':
      return ['WebP', 'GZip'].includes(probe.format) || (probe.format === 'WebM' && probe.video)
        ? 'sticker'
        : 'document';
    default:
      return moving && !asIs ? 'animation' : 'document';
  }
}

function checkDimensions({ width, height }) {
  const ratio = Math.max(width, height) / Math.max(1, Math.min(width, height));
  if (width + height > MAX_SIDES_SUM || ratio > MAX_RATIO) throw badRequest('PHOTO_INVALID_DIMENSIONS');
}

/** The sizes of a photo, largest last, as `{ width, height }`. Small pictures have a thumbnail as well. */
function photoSizes(width, height) {
  const long = Math.max(width, height, 1);
  const scale = (side) => ({
    width: Math.max(1, Math.round((width * side) / long)),
    height: Math.max(1, Math.round((height * side) / long)),
  });
  const smaller = PHOTO_SIDES.filter((side) => side < long).map(scale);
  if (smaller.length === 0) smaller.push(scale(Math.max(1, long >> 1)));
  return [...smaller, { width, height }];
}

const seconds = (duration) => Math.round(Number(duration ?? 0));

const drop = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/**
 * The fields of the message that describe the file.
 *
 * @param {string} kind
 * @param {{ probe: import('./probe').Probe, bytes: number, fileName?: string, contentType?: string, thumbnail?: object, performer?: string, title?: string }} file
 * @param {(label: string) => { file_id: string, file_unique_id: string }} issue makes the ids of one size
 */
function describe(kind, file, issue) {
  const { probe, bytes, fileName, contentType, thumbnail } = file;
  if (kind === 'photo') {
    const sizes = photoSizes(probe.width, probe.height);
    return {
      photo: sizes.map((size, i) => {
        const full = i === sizes.length - 1;
        return drop({ ...issue(full ? 'full' : `${size.width}`), file_size: full ? bytes : undefined, ...size });
      }),
    };
  }
  const ids = issue('full');
  const duration = seconds(probe.duration);
  const { width, height } = probe;
  const common = { ...ids, file_size: bytes, thumbnail };
  const named = { ...common, file_name: fileName, mime_type: contentType };
  switch (kind) {
    case 'video':
      return { video: drop({ ...named, width, height, duration }) };
    case 'animation':
      // Both fields, because old clients know animations as documents only.
      return { animation: drop({ ...named, width, height, duration }), document: drop(named) };
    case 'audio':
      return { audio: drop({ ...named, duration, performer: file.performer, title: file.title }) };
    case 'voice':
      return { voice: drop({ ...ids, file_size: bytes, mime_type: contentType, duration }) };
    case 'video_note':
      return { video_note: drop({ ...common, length: width, duration }) };
    case 'sticker':
      return { sticker: drop({ ...common, ...stickerFields(probe) }) };
    default:
      return { document: drop(named) };
  }
}

/** An animated sticker is gzipped JSON that nothing here unpacks: all of them measure 512 by 512. */
function stickerFields({ format, width, height, video }) {
  const animated = format === 'GZip';
  const side = animated ? 512 : undefined;
  return {
    type: 'regular',
    width: side ?? width,
    height: side ?? height,
    is_animated: animated,
    is_video: Boolean(video),
  };
}

module.exports = { kindOf, describe };
