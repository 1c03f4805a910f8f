'use strict';

const { SigV4Signer } = require('../../signer.js');
const { s3Env } = require('../../compat/env.js');

const TIMEOUT_MS = 15_000;
const SKEW_WARN_MS = 60_000;
// What S3 refuses with RequestTimeTooSkewed.
const SKEW_FAIL_MS = 15 * 60_000;

/** One signed question to the bucket: are the keys right, may they read, and do the clocks agree. */
async function checkBucket(found, env) {
  let settings;
  try {
    settings = s3Env(env);
  } catch {
    found.skip('bucket', 'its settings are not complete');
    return;
  }
  const { bucket, endpoint, accountId, accessKeyId, secretAccessKey } = settings;
  const root = (endpoint ?? `https://${accountId}.r2.cloudflarestorage.com`).replace(/\/+$/, '');
  const url = `${root}/${bucket}?list-type=2&max-keys=1`;
  let response;
  try {
    const { headers } = new SigV4Signer({ accessKeyId, secretAccessKey }).sign({ method: 'GET', url });
    const { host: _host, ...toSend } = headers;
    response = await fetch(url, { headers: toSend, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const code = error.cause?.code ?? error.code ?? error.name;
    found.fail(
      'bucket',
      `no answer (${code})`,
      'look at R2_ENDPOINT or R2_ACCOUNT_ID, and whether this machine may connect out',
    );
    return;
  }
  const text = (await response.text()).slice(0, 4096);
  checkClock(found, response.headers.get('date'));
  if (response.ok) found.ok('bucket', `${bucket} answers, and the keys may list it`);
  else refused(found, bucket, response.status, /<Code>(\w{1,64})<\/Code>/.exec(text)?.[1] ?? '');
}

const FIXES = {
  SignatureDoesNotMatch:
    'R2_SECRET_ACCESS_KEY does not belong to R2_ACCESS_KEY_ID; look for a space or line break at its end',
  InvalidAccessKeyId: 'R2_ACCESS_KEY_ID is not known there; is it of this account, and not deleted?',
  NoSuchBucket: 'R2_BUCKET names no bucket of this account',
  AccessDenied: 'the key may not list this bucket; reading objects may work all the same',
  RequestTimeTooSkewed: 'set the clock of this machine: timedatectl set-ntp true',
};

function refused(found, bucket, status, code) {
  const fix = FIXES[code] ?? (status === 403 ? FIXES.AccessDenied : 'look at the settings of the bucket');
  const say = code === 'AccessDenied' ? 'warn' : 'fail';
  found[say]('bucket', `${bucket} was refused with ${status} ${code}`.trim(), fix);
}

function checkClock(found, date) {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) {
    found.skip('clock', 'the bucket does not say what time it is');
    return;
  }
  const skew = Date.now() - theirs;
  const text = `this machine is ${Math.abs(skew / 1000).toFixed(0)} s ${skew < 0 ? 'behind' : 'ahead of'} the bucket`;
  if (Math.abs(skew) >= SKEW_FAIL_MS) found.fail('clock', text, FIXES.RequestTimeTooSkewed);
  else if (Math.abs(skew) >= SKEW_WARN_MS) found.warn('clock', text, FIXES.RequestTimeTooSkewed);
  else found.ok('clock', text);
}

module.exports = { checkBucket };
