'use strict';

// The keyed part on `node:crypto`. The secret and the keys are KeyObjects: outside of the JavaScript heap.

const { createHmac, createSecretKey, hash } = require('node:crypto');
const { amzDate } = require('./text.js');

/** A signer of one secret, one region and one service. */
function open({ credentials, region, service }) {
  return { secret: createSecretKey(`AWS4${credentials.secretAccessKey}`, 'utf8'), region, service, day: '', key: null };
}

function signCanonical(handle, canonicalRequest, seconds) {
  const date = amzDate(seconds, 'date');
  const scope = `${date.slice(0, 8)}/${handle.region}/${handle.service}/aws4_request`;
  return signText(handle, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash('sha256', canonicalRequest, 'hex')}`, seconds);
}

function signText(handle, text, seconds) {
  const day = amzDate(seconds, 'date').slice(0, 8);
  if (day !== handle.day) {
    let key = handle.secret;
    for (const part of [day, handle.region, handle.service, 'aws4_request'])
      key = createSecretKey(createHmac('sha256', key).update(part).digest());
    handle.key = key;
    handle.day = day;
  }
  return createHmac('sha256', handle.key).update(text).digest('hex');
}

module.exports = { open, signCanonical, signText };
