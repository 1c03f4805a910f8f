'use strict';

// The splitter through the door. What JavaScript knows of graphemes (Intl.Segmenter, by ICU) is an oracle of its own: the
// engine has its tables from another source.

const assert = require('node:assert/strict');
const test = require('node:test');
const { splitMessage, parseSplitResponse } = require('..');

const TEXTS = process.env.WARMPATH_TEST_LONG ? 10_000 : 500;

const PIECES = [
  ['Olá', 'você', 'João', 'não', 'Sr.', 'R$ 1.234,56', 'cafe\u0301', 'a', '3.14'],
  ['Привет', 'мир', 'завтра', 'ёлка', 'г.', 'и\u0306'],
  ['مرحبا', 'بالعالم', 'السَّلَامُ', '؟'],
  ['你好', '世界。', '明天见！', 'こんにちは', '東京、', 'か\u3099'],
  ['😀', '👨‍👩‍👧‍👦', '🇧🇷🇺🇸', '👍🏽', '❤️', '🏳️‍🌈', '1️⃣'],
  ['https://example.com/a/b?c=d&e=%F0%9F%98%80#f', 'www.exemplo.com.br', '«ok»', '(…)', '—'],
];
const BETWEEN = [' ', ' ', ' ', ' ', '. ', ', ', '! ', '\n', '\n\n', '\r\n\r\n', '\u00a0', ''];

/** mulberry32: the same texts at every run. */
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function randomText(random) {
  let text = '';
  for (let words = 1 + random(300); words > 0; words--) {
    const script = PIECES[random(PIECES.length)];
    text += script[random(script.length)] + BETWEEN[random(BETWEEN.length)];
  }
  return text;
}

const bare = (text) => text.replace(/\s/gu, '');
const segmenter = new Intl.Segmenter('pt', { granularity: 'grapheme' });
const graphemes = (text) => [...segmenter.segment(text)].map(({ segment }) => segment).filter((it) => bare(it) !== '');

/** What holds of every split of every text. */
function check(text, parts, maxChars, seed) {
  assert.equal(bare(parts.join('')), bare(text), `seed ${seed}: nothing is lost, added or moved`);
  for (const part of parts) {
    assert.ok(part.length <= maxChars && part.length > 0, `seed ${seed}: ${part.length}`);
    assert.ok(part.isWellFormed() && text.includes(part), `seed ${seed}: a slice`);
  }
  assert.deepEqual(parts.flatMap(graphemes), graphemes(text), `seed ${seed}: no grapheme is cut`);
}

test('random texts in four scripts with emoji and links', () => {
  for (let seed = 0; seed < TEXTS; seed++) {
    const random = generator(seed);
    const text = randomText(random);
    const maxChars = seed % 2 === 0 ? 1000 : 60 + random(300);
    check(text, splitMessage(text, { maxChars }), maxChars, seed);
  }
});

test('an answer decides where, never what', () => {
  for (let seed = 0; seed < TEXTS; seed++) {
    const random = generator(seed);
    const text = randomText(random);
    // Cut anywhere, and every fourth time with a character less.
    const units = [...text];
    if (random(4) === 0) units.splice(random(units.length), 1);
    const parts = [];
    for (let at = 0; at < units.length; ) {
      const length = 1 + random(200);
      parts.push(units.slice(at, at + length).join(''));
      at += length;
    }
    const parsed = parseSplitResponse(JSON.stringify({ parts }), text);
    check(text, parsed.parts, 1000, seed);
    const trimmed = parts.map((part) => part.trim());
    if (parsed.fallback === null) assert.deepEqual(parsed.parts, trimmed.filter(Boolean).length ? parsed.parts : []);
  }
});

test('parseSplitResponse names what is wrong, and splits all the same', () => {
  const original = 'Oi, Ana! Tudo bem com você? 👍🏽 Posso marcar uma visita para amanhã?';
  const cases = [
    ['no json', 'json'],
    ['{}', 'structure'],
    ['{"parts":"x"}', 'structure'],
    ['{"parts":[1]}', 'structure'],
    ['{"parts":[]}', 'count'],
    [JSON.stringify({ parts: [original, ''] }), 'empty'],
    [JSON.stringify({ parts: ['Oi, Ana!'] }), 'text'],
    [JSON.stringify({ parts: original.split('? ').reverse() }), 'text'],
    [JSON.stringify({ parts: [original.replace('você', 'vc')] }), 'text'],
    [JSON.stringify({ parts: original.split('\u{1f3fd}').map((p, i) => (i === 0 ? p : `\u{1f3fd}${p}`)) }), 'grapheme'],
  ];
  for (const [response, fallback] of cases) {
    const parsed = parseSplitResponse(response, original);
    assert.equal(parsed.fallback, fallback, response);
    assert.deepEqual(parsed.parts, splitMessage(original));
  }
  const long = parseSplitResponse(JSON.stringify({ parts: [original] }), original, { maxChars: 30 });
  assert.equal(long.fallback, 'size');
  check(original, long.parts, 30);
  const fine = ['Oi, Ana! Tudo bem com você? 👍🏽', 'Posso marcar uma visita para amanhã?'];
  for (const response of [
    JSON.stringify({ parts: fine }),
    JSON.stringify(fine),
    `\`\`\`json\n${JSON.stringify({ messages: fine })}\n\`\`\``,
  ]) {
    assert.deepEqual(parseSplitResponse(response, original), { parts: fine, fallback: null });
  }
});

test('arguments are checked', () => {
  for (const text of [undefined, null, 5, '\ud800', 'x'.repeat(1_000_001)]) {
    assert.throws(() => splitMessage(text), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'text' });
    assert.throws(() => parseSplitResponse('[]', text), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'original' });
  }
  assert.throws(() => parseSplitResponse({}, 'x'), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'response' });
  for (const maxChars of [19, 100_001, 1.5, '100', null]) {
    assert.throws(() => splitMessage('x', { maxChars }), { option: 'options.maxChars' });
  }
  assert.throws(() => splitMessage('x', { max: 100 }), { option: 'options.max' });
  assert.deepEqual(splitMessage(''), []);
  assert.deepEqual(splitMessage(' \n '), []);
});
