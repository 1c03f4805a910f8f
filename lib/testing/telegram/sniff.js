'use strict';

const MAGIC = [
  [0, [0xff, 0xd8, 0xff], 'image/jpeg'],
  [0, [0x89, 0x50, 0x4e, 0x47], 'image/png'],
  [0, 'GIF8', 'image/gif'],
  [8, 'WEBP', 'image/webp'],
  [0, '%PDF', 'application/pdf'],
  [0, [0x50, 0x4b, 0x03, 0x04], 'application/zip'],
  [0, 'OggS', 'audio/ogg'],
  [0, 'ID3', 'audio/mpeg'],
  [0, [0xff, 0xfb], 'audio/mpeg'],
  [4, 'ftypM4A', 'audio/mp4'],
  [4, 'ftypqt', 'video/quicktime'],
  [4, 'ftyp', 'video/mp4'],
];

/**
 * The type that the first bytes of a file tell, or undefined.
 *
 * @param {Buffer} head at least 16 bytes, if there are as many
 */
function sniff(head) {
  for (const [at, magic, type] of MAGIC) {
    const wanted = Buffer.from(magic);
    if (head.subarray(at, at + wanted.length).equals(wanted)) return type;
  }
  return undefined;
}

module.exports = { sniff };
