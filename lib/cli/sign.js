'use strict';

const { SigV4Signer } = require('../signer.js');
const { s3Env } = require('../compat/env.js');
const { EXIT, UsageError, runCommand, wholeNumber } = require('./command.js');

const HELP = `warmpath sign METHOD URL|KEY [options]: the SigV4 headers of a request, as the package would send them

  --presign        a URL that carries its signature, in the place of headers
  --expires S      how long that URL is good, seconds, 1 to 604800 (900)
  --header N:V     a header to sign; can be given again
  --region NAME    (auto)
  --service NAME   (s3)
  --explain        the canonical request and the string to sign too
  --json           one JSON object

Credentials: R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY, else AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
A KEY (no scheme) is an object in the bucket of R2_ENDPOINT or R2_ACCOUNT_ID, and R2_BUCKET. The body is not signed.
Exit code: 0, 1 it cannot be signed, 2 wrong usage
`;

const OPTIONS = {
  presign: { type: 'boolean', default: false },
  expires: { type: 'string' },
  header: { type: 'string', multiple: true, default: [] },
  region: { type: 'string', default: 'auto' },
  service: { type: 'string', default: 's3' },
  explain: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
};

function credentials(env) {
  const { R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = env;
  if (R2_ACCESS_KEY_ID && R2_SECRET_ACCESS_KEY) {
    return { accessKeyId: R2_ACCESS_KEY_ID, secretAccessKey: R2_SECRET_ACCESS_KEY };
  }
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new UsageError('set R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY');
  }
  const sessionToken = AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {};
  return { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, ...sessionToken };
}

/** Where the objects are. @throws {UsageError} naming the variables that are missing */
function placeOf(env) {
  try {
    return s3Env(env);
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function headersOf(list) {
  const headers = {};
  for (const text of list) {
    const colon = text.indexOf(':');
    if (colon < 1) throw new UsageError('--header must be NAME:VALUE');
    headers[text.slice(0, colon).trim()] = text.slice(colon + 1).trim();
  }
  return headers;
}

/** @param {string[]} argv @param {object} [io] @returns {Promise<number>} exit code */
function runSign(argv, io) {
  return runCommand(
    { name: 'sign', help: HELP, options: OPTIONS, positionals: true },
    argv,
    io,
    async (values, full, rest) => {
      if (rest.length !== 2) throw new UsageError('give a method and a URL, or the key of an object');
      const [method, target] = rest;
      const isUrl = /^https?:\/\//.test(target);
      const expiresIn = wholeNumber(values, 'expires', { max: 604_800 }) ?? 900;
      const { endpoint, accountId, bucket } = isUrl ? {} : placeOf(full.env);
      const place = isUrl ? {} : { ...(endpoint === undefined ? { accountId } : { endpoint }), bucket };
      const signer = new SigV4Signer({
        ...credentials(full.env),
        ...place,
        region: values.region,
        service: values.service,
      });
      const request = {
        method: method.toUpperCase(),
        headers: headersOf(values.header),
        ...(isUrl ? { url: target } : { key: target }),
      };
      const answer = values.presign
        ? { url: signer.presign({ ...request, expiresIn }) }
        : { headers: signer.sign(request).headers };
      if (values.explain) answer.explained = signer.explain(request);
      full.out(values.json ? `${JSON.stringify(answer)}\n` : text(answer));
      return EXIT.ok;
    },
  );
}

function text({ url, headers, explained }) {
  let out = url === undefined ? '' : `${url}\n`;
  for (const [name, value] of Object.entries(headers ?? {})) out += `${name}: ${value}\n`;
  if (explained !== undefined) out += `\n${explained.canonicalRequest}\n\n${explained.stringToSign}\n`;
  return out;
}

module.exports = { runSign };
