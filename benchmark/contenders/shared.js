'use strict';

const crypto = require('node:crypto');

/** What every contender says: the job is the same, so are its texts. */
const TOKEN = '42:TEST';
const CHAT_ID = '123';
const FILE_NAME = 'file.bin';
const CREDENTIALS = { accessKeyId: 'BENCHACCESSKEY', secretAccessKey: 'benchmark-secret', region: 'auto' };

const EMPTY_HASH = crypto.createHash('sha256').digest('hex');
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

/**
 * The cheapest Signature Version 4 for a GET that JavaScript allows: the derived key is kept for the day, one hash and one HMAC
 * a request. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * @returns {(path: string) => Record<string, string>} headers to send
 */
function createSigner(s3Url) {
  const { host } = new URL(s3Url);
  const { accessKeyId, secretAccessKey, region } = CREDENTIALS;
  const names = 'host;x-amz-content-sha256;x-amz-date';
  let day = '';
  let key = null;
  return (path) => {
    const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
    const scope = `${date.slice(0, 8)}/${region}/s3/aws4_request`;
    if (day !== date.slice(0, 8)) {
      day = date.slice(0, 8);
      key = [day, region, 's3', 'aws4_request'].reduce(hmac, `AWS4${secretAccessKey}`);
    }
    const headers = `host:${host}\nx-amz-content-sha256:${EMPTY_HASH}\nx-amz-date:${date}\n`;
    const canonical = `GET\n${path}\n\n${headers}\n${names}\n${EMPTY_HASH}`;
    const digest = crypto.createHash('sha256').update(canonical).digest('hex');
    const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${digest}`;
    const signature = crypto.createHmac('sha256', key).update(text).digest('hex');
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return { 'x-amz-content-sha256': EMPTY_HASH, 'x-amz-date': date, authorization };
  };
}

/** Object path of the n-th job. */
const objectPath = (size, n) => `/bucket/obj-${size}-${n}`;

const boundary = '----warmpathbenchboundary';
const field = `--${boundary}\r\nContent-Disposition: form-data; name=`;
const HEAD = Buffer.from(
  `${field}"chat_id"\r\n\r\n${CHAT_ID}\r\n${field}"document"; filename="${FILE_NAME}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
);
const TAIL = Buffer.from(`\r\n--${boundary}--\r\n`);
const SEND = { method: 'POST', path: `/bot${TOKEN}/sendDocument` };

/** undici options of a POST whose file part is `length` bytes long. */
function sendOptions(length, body) {
  const total = HEAD.length + length + TAIL.length;
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}`, 'content-length': String(total) };
  return { ...SEND, headers, body };
}

/** Throws unless the Bot API has taken the file; returns its file_id. */
function fileIdOf(status, answer) {
  if (status !== 200 || answer.ok !== true) {
    throw new Error(`sendDocument answered ${status}`);
  }
  return answer.result.document.file_id;
}

/** The hash of one transfer; does nothing where the run does not verify. */
function createVerifier({ verify, sha256 }) {
  if (!verify) {
    return { update() {}, check() {} };
  }
  const hash = crypto.createHash('sha256');
  return {
    update: (chunk) => hash.update(chunk),
    check() {
      if (hash.digest('hex') !== sha256) {
        throw new Error('SHA-256 mismatch');
      }
    },
  };
}

/**
 * A contender that runs `job(n, slot)` in a fixed number of slots, each refilled as soon as it is free.
 * @param {number} concurrency
 * @param {(n: number, slot: number) => Promise<unknown>} job
 */
function inSlots(concurrency, job) {
  let next = 0;
  return async (jobs) => {
    const end = next + jobs;
    const loop = async (slot) => {
      while (next < end) {
        next += 1;
        await job(next, slot);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, (_, slot) => loop(slot)));
  };
}

module.exports = {
  CHAT_ID,
  CREDENTIALS,
  FILE_NAME,
  HEAD,
  TAIL,
  TOKEN,
  createSigner,
  createVerifier,
  fileIdOf,
  inSlots,
  objectPath,
  sendOptions,
};
