'use strict';

/**
 * One signed request by `fetch`: for the few small calls of a set-up (create a bucket, delete an object), not for media.
 *
 * @param {object} options
 * @param {{ accessKeyId: string, secretAccessKey: string, region?: string, service?: string }} options.credentials
 * @param {string} options.url
 * @param {string} [options.method='GET']
 * @param {Record<string, string>} [options.headers]
 * @param {string | Buffer} [options.body]
 * @returns {Promise<string>} the body of a 2xx answer
 * @throws {Error} with the status and, when it is an S3 error, its code
 */
async function signedFetch({ credentials, url, method = 'GET', headers = {}, body }) {
  const { SigV4Signer } = require('../../../index.js');
  const signed = new SigV4Signer(credentials).sign({ method, url, headers, body: body && Buffer.from(body) });
  // fetch sets Host itself from the URL, which is what was signed.
  const { host, ...toSend } = signed.headers;
  const response = await fetch(url, { method, headers: toSend, body });
  const text = await response.text();
  if (!response.ok) {
    const code = /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ?? '';
    throw new Error(`${method} was answered with ${response.status} ${code}`.trim());
  }
  return text;
}

/** As SigV4 escapes: everything but letters, digits and -._~ ; encodeURIComponent leaves five more characters as they are. */
const escapeSegment = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** An object's URL, path style, every segment escaped. */
function objectUrl(endpoint, bucket, key = '') {
  const escaped = key.split('/').map(escapeSegment).join('/');
  return `${endpoint.replace(/\/+$/, '')}/${bucket}${key ? `/${escaped}` : ''}`;
}

module.exports = { signedFetch, objectUrl };
