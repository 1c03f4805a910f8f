'use strict';

const { createHmac, timingSafeEqual } = require('node:crypto');

/** The key of a secret: base64 after `whsec_`, else its own bytes. */
const keyOf = (secret) =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);

/**
 * Checks a request as a receiver of Standard Webhooks does: `webhook-signature` holds, separated by spaces, `v1,` and the base64 of
 * the HMAC-SHA256 of `id.timestamp.body`. Any of them may fit: a sender that changes its secret signs with both.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * @param {{ secret: string, headers: Record<string, string>, body: Buffer, toleranceMs: number, now: number }} given
 * @returns {string | null} what is wrong, or null
 */
function signatureProblem({ secret, headers, body, toleranceMs, now }) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (id === undefined || timestamp === undefined || signature === undefined) return 'a signature header is missing';
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp is not a number of seconds';
  if (Math.abs(now - Number(timestamp) * 1000) > toleranceMs) return 'webhook-timestamp is too old, or in the future';
  const expected = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
  const fits = signature.split(' ').some((one) => {
    const [version, text] = one.split(',');
    const given = Buffer.from(text ?? '', 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
  return fits ? null : 'no signature fits';
}

module.exports = { signatureProblem };
