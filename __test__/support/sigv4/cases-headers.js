'use strict';

const NAMES = [
  ...['content-type', 'Content-Type', 'content-md5', 'Content-Length', 'range', 'If-None-Match', 'if-match'],
  ...['x-amz-meta-a', 'X-Amz-Meta-Name', 'x-amz-acl', 'X-Amz-Storage-Class', 'x-amz-meta-a-b', 'X-AMZ-META-Z'],
  ...['my-header1', 'My-Header2', 'accept', 'origin', 'x-custom', '!odd', 'x_under', 'cookie'],
];
/** Left unsigned by every implementation. */
const UNSIGNED_BY_ALL = [
  'user-agent',
  'User-Agent',
  'x-amzn-trace-id',
  'expect',
  'transfer-encoding',
  'connection',
  'te',
  'keep-alive',
  'upgrade',
  'trailer',
  'authorization',
];
/** Left unsigned by us, because something on the way rewrites them; the others have each a list of their own. */
const UNSIGNED_BY_US = [
  'accept-encoding',
  'via',
  'cdn-loop',
  'cf-ray',
  'x-forwarded-for',
  'sec-fetch-mode',
  'proxy-authorization',
  'traceparent',
  'tracestate',
  'baggage',
];
/** Signed by us, left out by some others. */
const UNSIGNED_BY_SOME = ['cache-control', 'pragma', 'referer', 'from', 'max-forwards'];

const VALUE = ['a', 'Z', '1', '-', '/', ';', '=', ',', '"', '*', '%', '+', '~', ' ', '  ', '\t'];

function value(random) {
  if (random.chance(8)) return '';
  if (random.chance(10)) return `"${random.text(VALUE, 1, 8)}"`;
  const text = random.text(VALUE, 1, 14);
  return random.chance(20) ? `  ${text} ` : text;
}

const trim = (text) => text.replace(/^[ \t]+|[ \t]+$/g, '');

/** `given` as our face takes it; `pairs` as `[name, joined value]`, trimmed and not folded; `host` where a header names one. */
function headersCase(random) {
  const given = {};
  const pairs = new Map();
  const add = (name, values) => {
    given[name] = values.length === 1 ? values[0] : values;
    const texts = values.map((one) => trim(String(one)));
    const lower = name.toLowerCase();
    pairs.set(lower, [...(pairs.get(lower) ?? []), ...texts]);
  };
  for (let n = random.below(6); n > 0; n--) {
    const rare = random.chance(20) ? UNSIGNED_BY_US : random.chance(70) ? UNSIGNED_BY_ALL : UNSIGNED_BY_SOME;
    const from = random.chance(80) ? NAMES : rare;
    const name = random.pick(from);
    if (name in given) continue;
    if (random.chance(6)) add(name, [random.below(10_000)]);
    else if (random.chance(15))
      add(
        name,
        Array.from({ length: random.between(2, 4) }, () => value(random)),
      );
    else add(name, [value(random)]);
  }
  if (random.chance(3)) given['x-absent'] = undefined;
  if (random.chance(3)) add('x-amz-content-sha256', [random.text('0123456789abcdef', 64, 64)]);
  if (random.chance(2)) add('Date', ['Sun, 22 Nov 2026 02:30:00 GMT']);
  const host = random.chance(4) ? random.pick(['other.example', 'other.example:444']) : undefined;
  if (host) add(random.pick(['host', 'Host']), [host]);
  return { given, host, pairs: [...pairs].map(([name, values]) => [name, values.join(',')]) };
}

module.exports = { headersCase, UNSIGNED_BY_ALL, UNSIGNED_BY_US, UNSIGNED_BY_SOME };
