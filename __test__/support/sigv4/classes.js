'use strict';

// Where implementations are known to differ: the only cases that are not compared, each with one named oracle, by a class with its reason.
// A case that one oracle is spared from still goes to the others, and always to the reference signer.

const { UNSIGNED_BY_US } = require('./cases-headers');

const isS3 = ({ identity }) => identity.service === 's3';
const hasHeader =
  (names) =>
  ({ truth }) =>
    truth.headers.some(([name]) => names.includes(name));
const repeats = ({ truth }) => new Set(truth.pairs.map(([name]) => name)).size < truth.pairs.length;

const decodes = (path) => {
  try {
    return decodeURIComponent(path) !== null;
  } catch {
    return false;
  }
};

const CLASSES = [
  {
    name: 's3 path with a broken escape',
    oracles: ['aws4'],
    reason: 'aws4 throws; for us a lone % is %25, and bytes that are no UTF-8 stay bytes.',
    applies: (one) => isS3(one) && !decodes(one.truth.path),
  },
  {
    name: 'other path with raw bytes',
    oracles: ['aws4'],
    reason: 'aws4 escapes raw spaces and UTF-8 first, so they count twice; the published suite escapes them once.',
    applies: (one) => !isS3(one) && rawFor4(one),
  },
  {
    name: 'raw bytes beside escapes',
    oracles: ['aws4'],
    reason:
      'aws4 then decodes and encodes path and query as one text: %25 and its like come out escaped twice, or it throws.',
    applies: (one) => rawFor4(one) && /%/.test(one.truth.path + queryText(one)),
  },
  {
    name: 'other path that is not normalised',
    oracles: ['@smithy/signature-v4', 'botocore', 'aws4'],
    reason:
      'normalizePath: false for another service than S3 is an option none of them has; the published vectors cover it.',
    applies: ({ identity, truth }) => identity.normalizePath === false && /\/\/|\/\.{1,2}(\/|$)/.test(truth.path),
  },
  {
    name: 'other path with dot segments',
    oracles: ['aws4'],
    reason: 'aws4 drops the slash of what it removes and counts from the root in another way.',
    applies: (one) => !isS3(one) && /\/\/|\/\.{1,2}(\/|$)/.test(one.truth.path),
  },
  {
    name: 'repeated query name',
    oracles: ['aws4'],
    reason: 'aws4 signs only the first value for S3, and sorts values before it encodes them.',
    applies: repeats,
  },
  {
    name: 'repeated query name in a presigned URL',
    oracles: ['botocore'],
    reason: 'botocore keeps one value ("we know we won\'t have repeated keys").',
    applies: (one) => one.mode === 'presign' && repeats(one),
  },
  {
    name: 'empty query name',
    oracles: ['aws4', 'botocore'],
    reason: 'aws4 drops it; botocore drops it when it presigns.',
    applies: ({ truth }) => truth.pairs.some(([name]) => name === ''),
  },
  {
    name: 'date header',
    oracles: ['@smithy/signature-v4', 'botocore', 'aws4'],
    reason:
      '@smithy drops it, botocore rewrites it, aws4 takes it as the clock; we sign it as any header (as the S3 example does).',
    applies: hasHeader(['date']),
  },
  {
    name: 'authorization header given to presign',
    oracles: ['botocore'],
    reason: 'botocore drops one before it signs by headers, and signs it when it presigns.',
    applies: (one) => one.mode === 'presign' && hasHeader(['authorization'])(one),
  },
  {
    name: 'headers that proxies rewrite',
    oracles: ['botocore'],
    reason:
      'A different choice of optional headers, which botocore does not let its user make; @smithy and aws4 do, and are told ours.',
    applies: hasHeader(UNSIGNED_BY_US),
  },
  {
    name: 'host in parts with upper case or the default port',
    oracles: ['botocore'],
    reason: 'botocore folds both; our parts form is verbatim.',
    applies: ({ call, truth }) => {
      if (typeof call.url === 'string') return false;
      const port = truth.scheme === 'http' ? ':80' : ':443';
      return /[A-Z]/.test(call.url.host) || call.url.host.endsWith(port);
    },
  },
  {
    name: 'body or hash in a presigned URL',
    oracles: ['aws4'],
    reason: 'aws4 always presigns UNSIGNED-PAYLOAD for S3, and for others the body only.',
    applies: ({ mode, truth }) =>
      mode === 'presign' && (truth.payload.hash !== null || hasHeader(['x-amz-content-sha256'])({ truth })),
  },
  {
    name: 'payload hash that is not sent',
    oracles: ['aws4'],
    reason: 'aws4 takes a given hash as a header only, and signs that header.',
    applies: ({ identity, truth }) =>
      identity.service !== 's3' &&
      !identity.applyChecksum &&
      truth.payload.hash !== null &&
      truth.payload.bytes === null,
  },
  {
    name: 'given x-amz-content-sha256 beside payloadHash',
    oracles: ['aws4'],
    reason: 'aws4 believes the header; for us payloadHash wins.',
    applies: (one) => hasHeader(['x-amz-content-sha256'])(one) && one.truth.payload.hash !== null,
  },
];

function queryText({ call }) {
  return (typeof call.url === 'string' ? /\?([^#]*)/.exec(call.url)?.[1] : call.url.query) ?? '';
}

/** The condition on which aws4 encodes before it looks: something in path or query that no URL may hold. */
const rawFor4 = (one) => /[^0-9A-Za-z;,/?:@&=+$\-_.!~*'()#%]/.test(one.truth.path + queryText(one));

/** The classes that spare `oracle` this case. */
const exclusions = (one, oracle) => CLASSES.filter(({ oracles, applies }) => oracles.includes(oracle) && applies(one));

module.exports = { CLASSES, exclusions };
