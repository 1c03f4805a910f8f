'use strict';

const { requirePeer } = require('../../peer.js');
const { findPlan, learn } = require('./plan.js');
const { askFor, writeUrl } = require('./url.js');

const DEFAULT_EXPIRES_SECONDS = 900;
const MAX_EXPIRES_SECONDS = 604_800;

/**
 * A presigned URL for a command of an S3 client: `getSignedUrl` of `@aws-sdk/s3-request-presigner`, with the same URL.
 *
 * GetObject, PutObject, HeadObject and DeleteObject are written here, from the second URL of a kind on (a bucket, and the
 * members of the input): the first is the SDK's, and shows where the bucket is and that both come to the same text. Whatever else there is (another command,
 * an input or an option that is not known here, middleware of your own) is passed on to the SDK.
 *
 * @param {object} client S3Client
 * @param {object} command
 * @param {object} [options] expiresIn = 900 (seconds), signingDate, and all others of the SDK's
 * @returns {Promise<string>}
 * @throws {WarmpathError} ERR_WARMPATH_PEER_MISSING; and whatever the SDK throws
 */
async function getSignedUrl(client, command, options = {}) {
  const expiresIn = expiryOf(options);
  const plan = expiresIn === 0 ? null : findPlan(client, command);
  if (plan === null) return ask(client, command, options);
  if (plan !== undefined) {
    const asked = askFor(plan, command.input);
    if (asked === null) return ask(client, command, options);
    if (plan.shapes.has(asked.shape)) {
      // Asked at every call, as the SDK does: this is where a rotation shows, and it is the provider that caches.
      const credentials = await client.config.credentials();
      const region = await client.config.region();
      if (region === plan.clientRegion) {
        const ms = options.signingDate === undefined ? Date.now() : options.signingDate.getTime();
        return writeUrl(plan, asked, command.input.Key, credentials, Math.floor(ms / 1000), expiresIn);
      }
    }
  }
  // A copy: the SDK writes its own defaults into the input, and its middleware into the command.
  const example = new command.constructor({ ...command.input });
  const url = await ask(client, example, options);
  await learn(client, command, url, expiresIn);
  return url;
}

/** Seconds, or 0 for options that are the SDK's business. */
function expiryOf(options) {
  for (const name in options) {
    if (name === 'expiresIn' || options[name] === undefined || !Object.hasOwn(options, name)) continue;
    if (name !== 'signingDate' || !(options.signingDate instanceof Date) || Number.isNaN(options.signingDate.getTime()))
      return 0;
  }
  const { expiresIn = DEFAULT_EXPIRES_SECONDS } = options;
  return Number.isInteger(expiresIn) && expiresIn >= 1 && expiresIn <= MAX_EXPIRES_SECONDS ? expiresIn : 0;
}

function ask(client, command, options) {
  return requirePeer('@aws-sdk/s3-request-presigner', 'warmpath/smithy').getSignedUrl(client, command, options);
}

module.exports = { getSignedUrl };
