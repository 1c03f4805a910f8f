'use strict';

const RAW = [
  'a',
  'B',
  '7',
  '-',
  '.',
  '_',
  '~',
  ' ',
  '+',
  '/',
  '%',
  '!',
  "'",
  '(',
  ')',
  '*',
  '@',
  '=',
  '&',
  '$',
  ':',
  ',',
  ';',
  '?',
  '#',
  'é',
  '文',
  '🙂',
  '"',
  '<',
  '{',
  '|',
  '\\',
  '^',
  '`',
  '[',
];

const WIRE = [
  ...['a', 'B', '0', '-', '.', '_', '~', 'file.bin', '2026'],
  ...['%20', '%2B', '%2F', '%25', '%C3%A9', '%E6%96%87'],
];
const ODD = [
  ...['%41', '%7E', '%7e', '%c3%a9', '%2f', '%2e', '%2E%2E'],
  ...['!', "'", '(', ')', '*', '$', '@', '=', '&', ',', ';', ':'],
  ...['+', ' ', 'é', '文', '🙂', '"', '{', '|', '%', '%zz', '%4', '100%'],
];

/** RFC 3986, strictly: `encodeURIComponent` leaves five marks. */
const strict = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

/** A path as it is written in the request: most as a careful client encodes an object key, the rest as careless ones do. */
function pathCase(random, s3) {
  if (random.chance(4)) return random.pick(['', '/']);
  if (random.chance(s3 ? 60 : 30)) {
    const key = random.text(RAW, 1, 24);
    return `/${key.split('/').map(strict).join('/')}`;
  }
  const odd = random.chance(50);
  const segments = Array.from({ length: random.between(1, 5) }, () => {
    if (random.chance(15)) return random.pick(['', '.', '..', '', '...', '.a']);
    return random.text(odd && random.chance(60) ? [...WIRE, ...ODD] : WIRE, 1, 4);
  });
  return `/${segments.join('/')}${random.chance(25) ? '/' : ''}`;
}

/**
 * An S3 path as an SDK would have made it from the key that a server reads in this one: `+` is a space, a lone `%` is itself, an escaped
 * slash is a slash. The SDKs sign a path as it is given, for they have escaped the key before; so they are given this.
 */
function keyPath(path) {
  const pieces = path.replaceAll('+', ' ').split(/(%[0-9A-Fa-f]{2})/);
  // By bytes, as latin1 text: broken escapes can leave a key that is no UTF-8.
  const key = Buffer.concat(
    pieces.map((piece, i) => Buffer.from(i % 2 ? piece.slice(1) : piece, i % 2 ? 'hex' : 'utf8')),
  );
  const escaped = (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`;
  return key.toString('latin1').replace(/[^A-Za-z0-9\-._~/]/g, escaped);
}

module.exports = { pathCase, keyPath, strict };
