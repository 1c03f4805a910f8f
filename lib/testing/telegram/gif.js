'use strict';

/**
 * Playing time of a GIF in seconds, the sum of its frame delays, because `mediainfo.js` does not tell it.
 * https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 *
 * @param {Buffer} bytes
 */
function gifDuration(bytes) {
  const table = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + table(bytes[10] ?? 0);
  let hundredths = 0;
  const skipBlocks = () => {
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at] + 1;
    at += 1;
  };
  while (at < bytes.length) {
    const introducer = bytes[at];
    if (introducer === 0x21) {
      if (bytes[at + 1] === 0xf9 && at + 6 <= bytes.length) hundredths += bytes.readUInt16LE(at + 4);
      at += 2;
      skipBlocks();
    } else if (introducer === 0x2c) {
      at += 10 + table(bytes[at + 9] ?? 0) + 1;
      skipBlocks();
    } else {
      break;
    }
  }
  return hundredths / 100;
}

module.exports = { gifDuration };
