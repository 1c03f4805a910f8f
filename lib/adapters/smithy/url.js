'use strict';

const { signRequest } = require('../keyed.js');
const { amzDate, escapeStrict, sortFew } = require('../text.js');

const byName = (a, b) => a[0] < b[0];
const CRC32_OF_NOTHING = 'AAAAAA%3D%3D';

/** A key as the SDK writes it into a path: each segment escaped, slashes as they are. */
function escapeKey(key) {
  if (/^[\w.~/-]*$/.test(key)) return key;
  return key.split('/').map(escapeStrict).join('/');
}

/**
 * What the command asks for beside bucket and key: null when that is more than is known here.
 *
 * @returns {{ shape: string, query: [string, string][], headers: [string, string][] } | null} shape names the members
 */
function readInput(operation, input, checksums) {
  const out = { shape: '', query: [], headers: [] };
  const { members } = operation;
  let hasChecksum = false;
  for (const name of Object.keys(input)) {
    const value = input[name];
    if (name === 'Bucket' || name === 'Key' || value === undefined) continue;
    if (!Object.hasOwn(members, name)) return null;
    const read = members[name].read(value);
    if (read === undefined) return null;
    members[name].add(out, read);
    out.shape += ` ${name}`;
    hasChecksum ||= name.startsWith('Checksum');
  }
  if (!hasChecksum) addChecksums(operation, out.query, checksums);
  if (operation.fixed !== null) out.query.push(operation.fixed);
  if (out.query.length > 1) sortFew(out.query, byName);
  return out;
}

/** What the SDK adds by itself, unless the client is told to do so only "when required". */
function addChecksums({ method }, query, { request, response }) {
  if (method === 'GET' && response) query.push(['x-amz-checksum-mode', 'ENABLED']);
  // A GET that is not to be checked is taken for a request with a body by the SDK's own middleware.
  else if (method === 'GET' && request) query.push(['x-amz-checksum-crc32', CRC32_OF_NOTHING]);
  if (method === 'PUT' && request) {
    // There is no body here: this is the checksum of nothing, as the SDK writes it too.
    query.push(['x-amz-checksum-crc32', CRC32_OF_NOTHING], ['x-amz-sdk-checksum-algorithm', 'CRC32']);
  }
}

/** readInput(), for a plan: an input of bucket and key alone always asks for the same, which is kept with the plan. */
function askFor(plan, input) {
  for (const name in input) {
    if (name !== 'Bucket' && name !== 'Key' && input[name] !== undefined && Object.hasOwn(input, name)) {
      return readInput(plan.operation, input, plan.checksums);
    }
  }
  plan.bare ??= readInput(plan.operation, {}, plan.checksums);
  return plan.bare;
}

/** The texts around path and signature, in the URL and in the canonical request. */
function textsOf(plan, asked, { accessKeyId, sessionToken }, date, expiresIn) {
  let lines = `host:${plan.host}`;
  let names = 'host';
  if (asked.headers.length > 0) {
    sortFew(asked.headers.concat([['host', plan.host]]), byName).forEach(([name, value], i) => {
      lines = i === 0 ? `${name}:${value}` : `${lines}\n${name}:${value}`;
      names = i === 0 ? name : `${names};${name}`;
    });
  }
  // Upper case sorts before lower case, so these come first, in this order, whatever is asked for.
  const scope = `${date.slice(0, 8)}%2F${plan.scope}`;
  const token = sessionToken ? `&X-Amz-Security-Token=${escapeStrict(sessionToken)}` : '';
  const head = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential=${escapeStrict(accessKeyId)}%2F${scope}&X-Amz-Date=${date}&X-Amz-Expires=${expiresIn}${token}`;
  let tail = `&X-Amz-SignedHeaders=${names === 'host' ? names : names.replaceAll(';', '%3B')}`;
  for (const pair of asked.query) tail += `&${pair[0]}=${pair[1]}`;
  return {
    ...{ accessKeyId, sessionToken, date, expiresIn },
    beforeSignature: `?${head}&X-Amz-Signature=`,
    tail,
    behindPath: `\n${head}${tail}\n${lines}\n\n${names}\nUNSIGNED-PAYLOAD`,
  };
}

/** textsOf() for an input of bucket and key alone: they are the same for a whole second. */
function bareTexts(plan, credentials, date, expiresIn) {
  const kept = plan.texts;
  if (
    kept?.date === date &&
    kept.expiresIn === expiresIn &&
    kept.accessKeyId === credentials.accessKeyId &&
    kept.sessionToken === credentials.sessionToken
  ) {
    return kept;
  }
  plan.texts = textsOf(plan, plan.bare, credentials, date, expiresIn);
  return plan.texts;
}

/**
 * Writes and signs the URL.
 *
 * @param {object} plan operation, origin, host, base, region, service: see plan.js
 * @param {object} asked of askFor()
 * @param {number} seconds since 1970, whole
 */
function writeUrl(plan, asked, key, credentials, seconds, expiresIn) {
  const date = amzDate(seconds, 'options.signingDate');
  const texts =
    asked === plan.bare
      ? bareTexts(plan, credentials, date, expiresIn)
      : textsOf(plan, asked, credentials, date, expiresIn);
  const path = plan.base + escapeKey(key);
  const begin = `${plan.operation.method}\n${path}`;
  const signature = signRequest(credentials, seconds, plan.region, plan.service, begin, texts.behindPath);
  return plan.origin + path + texts.beforeSignature + signature + texts.tail;
}

module.exports = { askFor, escapeKey, writeUrl };
