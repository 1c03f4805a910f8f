'use strict';

const fsp = require('node:fs/promises');
const path = require('node:path');
const { sha256Of } = require('./media');

/** What the Bot API in the cloud takes by upload. https://core.telegram.org/bots/api#sending-files */
const MAX_UPLOAD_BYTES = 50_000_000;
const MAX_PHOTO_BYTES = 10_000_000;
const MAX_STATIC_STICKER_BYTES = 512 * 1024;

const TYPES = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.mp4': 'video/mp4',
  '.mp3': 'audio/mpeg',
  '.m4a': 'audio/mp4',
  '.ogg': 'audio/ogg',
  '.oga': 'audio/ogg',
  '.opus': 'audio/ogg',
  '.pdf': 'application/pdf',
};

const ascii = (head, from, to) => head.toString('latin1', from, to);

/** The first bytes decide before the extension: a file that is named wrongly would be refused by Telegram under the named kind. */
function sniff(head) {
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return 'image/jpeg';
  if (ascii(head, 1, 4) === 'PNG') return 'image/png';
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'WEBP') return 'image/webp';
  if (ascii(head, 0, 4) === 'GIF8') return 'image/gif';
  if (ascii(head, 4, 8) === 'ftyp') {
    const brand = ascii(head, 8, 12);
    if (brand === 'M4A ') return 'audio/mp4';
    if (brand === 'qt  ') return 'video/quicktime';
    return 'video/mp4';
  }
  if (ascii(head, 0, 4) === 'OggS') return head.includes('OpusHead') ? 'audio/ogg' : 'application/ogg';
  if (ascii(head, 0, 4) === '%PDF') return 'application/pdf';
  if (ascii(head, 0, 3) === 'ID3') return 'audio/mpeg';
  return null;
}

function kindOf(contentType, bytes) {
  switch (contentType) {
    case 'image/jpeg':
    case 'image/png':
      return bytes <= MAX_PHOTO_BYTES ? 'photo' : 'document';
    case 'image/webp':
      return bytes <= MAX_STATIC_STICKER_BYTES ? 'sticker' : 'document';
    case 'image/gif':
      return 'animation';
    case 'video/mp4':
      return 'video';
    case 'audio/mpeg':
    case 'audio/mp4':
      return 'audio';
    case 'audio/ogg':
      return 'voice';
    default:
      return 'document';
  }
}

async function headOf(file) {
  const handle = await fsp.open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * The user's own files under a folder, each with the kind its bytes (or else its extension) call for.
 *
 * @param {string} directory read recursively; hidden files and folders are left out
 * @param {{ count?: number, onSkip?: (file: string, why: string) => void }} [options] onSkip is told of files that cannot be sent
 * @returns {Promise<import('./media').MediaFile[]>} in the order of their paths; never empty
 * @throws {Error} when the folder holds nothing that can be sent
 */
async function readMediaFolder(directory, { count = Number.POSITIVE_INFINITY, onSkip = () => {} } = {}) {
  const entries = await fsp.readdir(directory, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter(
      (file) =>
        !path
          .relative(directory, file)
          .split(path.sep)
          .some((part) => part.startsWith('.')),
    )
    .sort();

  const seen = new Set();
  const files = [];
  for (const file of paths) {
    if (files.length >= count) break;
    const { size } = await fsp.stat(file);
    if (size === 0 || size > MAX_UPLOAD_BYTES) {
      onSkip(file, size === 0 ? 'it is empty' : `it is larger than ${MAX_UPLOAD_BYTES} bytes`);
      continue;
    }
    const contentType =
      sniff(await headOf(file)) ?? TYPES[path.extname(file).toLowerCase()] ?? 'application/octet-stream';
    const sha256 = await sha256Of(file);
    if (seen.has(sha256)) {
      onSkip(file, 'the same bytes came before');
      continue;
    }
    seen.add(sha256);
    files.push({
      name: path.basename(file),
      kind: kindOf(contentType, size),
      contentType,
      path: file,
      bytes: size,
      sha256,
    });
  }
  if (files.length === 0) throw new Error(`no media found in ${directory}`);
  return files;
}

module.exports = { readMediaFolder, sniff, kindOf };
