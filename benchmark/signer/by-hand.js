'use strict';

// What people write themselves: the way most backends do it, and the best that JavaScript allows.

const crypto = require('node:crypto');
const { HOST, REGION, SERVICE, credentials } = require('./request');

const mac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
const chain = (day) => ['aws4_request', SERVICE, REGION, day].reduceRight(mac, `AWS4${credentials.secretAccessKey}`);

/**
 * The usual module, as in the code this package replaces: dates by toISOString, arrays mapped, sorted and joined, one header object
 * copied into another, `createHash` and `createHmac`. (Its signature leaves x-amz-date out; servers refuse that, but it is what
 * its users pay for.)
 *
 * @param {boolean} cached with a Map of signing keys by day, region and service
 */
function usual(cached) {
  const keys = new Map();
  const keyOf = (day) => {
    const id = `${day}:${REGION}:${SERVICE}`;
    let key = cached ? keys.get(id) : undefined;
    if (key === undefined) {
      key = chain(day);
      keys.set(id, key);
    }
    return key;
  };
  return (method, path, headers, payload) => {
    const now = new Date();
    const day = now.toISOString().slice(0, 10).replace(/-/g, '');
    const amzDate = now.toISOString().replace(/[:-]|\.\d{3}/g, '');
    const hash = crypto
      .createHash('sha256')
      .update(payload || '')
      .digest('hex');
    const names = Object.keys(headers).sort();
    const lines = names.map((name) => `${name.toLowerCase()}:${headers[name].trim()}\n`).join('');
    const signed = Object.keys(headers)
      .map((name) => name.toLowerCase())
      .sort()
      .join(';');
    const canonical = [method, path, '', lines, signed, hash].join('\n');
    const scope = [day, REGION, SERVICE, 'aws4_request'].join('/');
    const digest = crypto.createHash('sha256').update(canonical).digest('hex');
    const text = ['AWS4-HMAC-SHA256', amzDate, scope, digest].join('\n');
    const signature = crypto.createHmac('sha256', keyOf(day)).update(text).digest('hex');
    const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
    return { ...headers, 'x-amz-date': amzDate, Authorization: authorization };
  };
}

let second = -1;
let amzDate = '';
let day = '';
let key = null;

/** Date text and signing key, computed when the second or the day changes. */
function tick() {
  const now = Math.floor(Date.now() / 1000);
  if (now === second) return;
  second = now;
  amzDate = `${new Date(now * 1000).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  if (amzDate.startsWith(day) && day !== '') return;
  day = amzDate.slice(0, 8);
  key = chain(day);
}

/** One native call where Node has it (20.12), else three. */
const sha256 = crypto.hash
  ? (text) => crypto.hash('sha256', text, 'hex')
  : (text) => crypto.createHash('sha256').update(text).digest('hex');

function signatureOf(canonical, scope) {
  const text = `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256(canonical)}`;
  return crypto.createHmac('sha256', key).update(text).digest('hex');
}

/** The best: fixed headers, template texts, the key and the clock kept. It can sign nothing but this. */
function best(path, payload) {
  tick();
  const scope = `${day}/${REGION}/${SERVICE}/aws4_request`;
  const canonical = `GET\n${path}\n\nhost:${HOST}\nx-amz-content-sha256:${payload}\nx-amz-date:${amzDate}\n\nhost;x-amz-content-sha256;x-amz-date\n${payload}`;
  const signature = signatureOf(canonical, scope);
  return {
    host: HOST,
    'x-amz-content-sha256': payload,
    'x-amz-date': amzDate,
    authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
  };
}

function bestPresign(path) {
  tick();
  const scope = `${day}/${REGION}/${SERVICE}/aws4_request`;
  const credential = `${credentials.accessKeyId}/${scope}`.replaceAll('/', '%2F');
  const query = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${credential}&X-Amz-Date=${amzDate}&X-Amz-Expires=900&X-Amz-SignedHeaders=host`;
  const signature = signatureOf(`GET\n${path}\n${query}\nhost:${HOST}\n\nhost\nUNSIGNED-PAYLOAD`, scope);
  return `https://${HOST}${path}?${query}&X-Amz-Signature=${signature}`;
}

module.exports = { usual, best, bestPresign };
