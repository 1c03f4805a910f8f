'use strict';

const { randomOf } = require('../faults/mix');
const { pick } = require('../faults/recipes');

const WORDS =
  'your order is on its way today we kept the best seat for you there is a new offer this week please tell us if it fits'.split(
    ' ',
  );
const OPENINGS = ['Oi, tudo bem?', 'Hello there!', 'Olá! 👋', 'Good news 🎉', 'Привет!', 'こんにちは。'];
const ENDINGS = ['.', '.', '.', '!', '? 🙂', ' 👩‍👩‍👧‍👦.', ': https://shop.example/a?b=1&c=2 .'];

function sentence(random) {
  const words = Array.from({ length: 5 + Math.floor(random() * 9) }, () => pick(random, WORDS));
  words[0] = words[0][0].toUpperCase() + words[0].slice(1);
  return words.join(' ') + pick(random, ENDINGS);
}

/**
 * What the "model" writes: some paragraphs, other ones at every generation (as a real model's are), the same ones under the
 * same seed and number.
 */
function textFor(seed, n) {
  const random = randomOf(seed, n);
  const paragraphs = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
    Array.from({ length: 2 + Math.floor(random() * 4) }, () => sentence(random)).join(' '),
  );
  return `${pick(random, OPENINGS)} (${n}) ${paragraphs.join('\n\n')}`;
}

const PART_CHARS = 300;
const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** A text in parts of some sentences each; nothing is lost but the spaces between them. */
function splitText(text) {
  const parts = [];
  for (const { segment } of segmenter.segment(text)) {
    const last = parts.at(-1);
    if (last !== undefined && last.length + segment.length <= PART_CHARS) parts[parts.length - 1] = last + segment;
    else parts.push(segment);
  }
  const trimmed = parts.map((part) => part.trim()).filter((part) => part !== '');
  return trimmed.length === 0 ? [''] : trimmed;
}

/** Tokens of a text, roughly: real tokenizers differ, and no client may count on one. */
const tokensOf = (text) => Math.ceil(Buffer.byteLength(text) / 4);

/**
 * A value that fits a JSON Schema, made of a text: a list gets the text in parts, a text gets all of it. Enough for the schemas
 * that structured outputs allow (no recursion).
 */
function fitting(schema, text, index = 0) {
  if (schema === null || typeof schema !== 'object') return text;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (Array.isArray(schema.anyOf)) return fitting(schema.anyOf[0], text, index);
  switch ([schema.type].flat()[0]) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, one]) => [name, fitting(one, text, index)]),
      );
    case 'array':
      return splitText(text).map((part, i) => fitting(schema.items ?? { type: 'string' }, part, i));
    case 'integer':
    case 'number':
      return schema.minimum === undefined ? index : schema.minimum + index;
    case 'boolean':
      return false;
    case 'null':
      return null;
    default:
      return text;
  }
}

module.exports = { textFor, tokensOf, fitting };
