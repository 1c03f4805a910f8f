const TOLERANCE_MS = 5 * 60_000;

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const encoder = new TextEncoder();

/**
 * Checks a delivery as Standard Webhooks says (https://www.standardwebhooks.com): the signature is over id, time and body, and
 * not older than five minutes.
 *
 * @param {string} secret `whsec_…`, or any text
 * @param {Headers} headers
 * @param {string} body as it came
 */
export async function isSigned(secret, headers, body, now = Date.now()) {
  const id = headers.get('webhook-id');
  const timestamp = headers.get('webhook-timestamp');
  const signatures = headers.get('webhook-signature');
  if (id === null || signatures === null || !/^\d+$/.test(timestamp ?? '')) return false;
  if (Math.abs(now - Number(timestamp) * 1000) > TOLERANCE_MS) return false;
  const raw = secret.startsWith('whsec_') ? bytesOf(secret.slice('whsec_'.length)) : encoder.encode(secret);
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const signed = encoder.encode(`${id}.${timestamp}.${body}`);
  for (const signature of signatures.split(' ')) {
    const [version, base64 = ''] = signature.split(',');
    if (version !== 'v1' || !/^[A-Za-z0-9+/]+=*$/.test(base64)) continue;
    // Constant time, by the platform.
    if (await crypto.subtle.verify('HMAC', key, bytesOf(base64), signed)) return true;
  }
  return false;
}
