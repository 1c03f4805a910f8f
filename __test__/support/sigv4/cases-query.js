'use strict';

const { strict } = require('./cases-path');

const NAMES = [
  ...['a', 'a-b', 'a.b', 'a_b', 'A', 'b', 'ab', 'a%', 'a b', 'a+b', 'é', '{', '~', '🙂', '0', 'a/b', 'a=b'],
  ...['list-type', 'prefix', 'acl', 'uploads', 'uploadId', 'partNumber', 'response-content-disposition', 'x-id'],
];
const VALUES = [
  'a',
  'Z',
  '9',
  '-',
  '.',
  '_',
  '~',
  ' ',
  '+',
  '/',
  '=',
  '&',
  '%',
  '?',
  '#',
  '!',
  "'",
  '(',
  ')',
  '*',
  ':',
  '@',
  'é',
  '文',
  '🙂',
  '{',
  '"',
];

function queryCase(random) {
  if (random.chance(30)) return { pairs: [] };
  const pairs = Array.from({ length: random.between(1, 6) }, () => [
    random.pick(NAMES),
    random.chance(25) ? '' : random.text(VALUES, 1, 8),
  ]);
  if (random.chance(12)) pairs.push([random.pick(pairs)[0], random.text(VALUES, 0, 6)]);
  else {
    const seen = new Set();
    for (let i = pairs.length - 1; i >= 0; i--) {
      if (seen.has(pairs[i][0])) pairs.splice(i, 1);
      else seen.add(pairs[i][0]);
    }
  }
  if (random.chance(2)) pairs.push(['', random.text('abc', 1, 3)]);
  return { pairs };
}

const hex = (char) => [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

/** One character in one of the ways in which clients write it. `loose`: what is legal or at least common, beside strict escapes. */
function write(random, char, inName) {
  if (char === '&' || char === '#' || char === '%' || char === '+' || (char === '=' && inName)) return strict(char);
  if (char === ' ') return random.pick(['%20', '+', ' ']);
  const ways = [strict(char), strict(char), hex(char), hex(char).toUpperCase(), char];
  return random.pick(ways);
}

/** The query as a careful or a careless client writes it; null where there is no `?`. */
function writeQuery(random, { pairs }) {
  if (pairs.length === 0) return random.pick([null, null, null, '', '&']);
  const careful = random.chance(40);
  const text = (value, inName) =>
    careful ? strict(value) : [...value].map((char) => write(random, char, inName)).join('');
  const pieces = pairs.map(([name, value]) => {
    if (value === '' && name !== '' && random.chance(50)) return text(name, true);
    return `${text(name, true)}=${text(value, false)}`;
  });
  if (random.chance(8)) pieces.splice(random.below(pieces.length + 1), 0, '');
  return pieces.join('&') + (random.chance(4) ? '&' : '');
}

module.exports = { queryCase, writeQuery };
