'use strict';

const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const S3 = require('@aws-sdk/client-s3');
const { R2Sandbox } = require('../../lib/testing');

const MIB = 1024 * 1024;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A folder of files that goes away with the test that made it. */
class Files {
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-upload-'));
  }

  /** @returns {{ path: string, bytes: Buffer, sha256: string }} */
  add(name, bytes) {
    const content = typeof bytes === 'number' ? randomBytes(bytes) : bytes;
    const file = path.join(this.folder, name);
    fs.writeFileSync(file, content);
    return { path: file, bytes: content, sha256: sha256(content) };
  }

  remove() {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The `s3` option and a client of the AWS SDK for a server of the tests. */
function clientsOf({ endpoint, bucket, region = 'auto', accessKeyId, secretAccessKey }) {
  const credentials = { accessKeyId, secretAccessKey };
  return {
    s3: { endpoint, bucket, region, ...credentials },
    sdk: new S3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 }),
    bucket,
  };
}

/** The bytes and the head of an object, by the AWS SDK. */
async function fetchObject({ sdk, bucket: Bucket }, Key) {
  const got = await sdk.send(new S3.GetObjectCommand({ Bucket, Key }));
  return { head: got, bytes: Buffer.from(await got.Body.transformToByteArray()) };
}

/** Keys of multipart uploads that are neither completed nor aborted. */
async function begunUploads({ sdk, bucket: Bucket }) {
  const { Uploads = [] } = await sdk.send(new S3.ListMultipartUploadsCommand({ Bucket }));
  return Uploads.map((upload) => upload.Key);
}

/** A sandbox of R2, clients of its bucket, and files to put there. */
async function startBucket() {
  const r2 = await R2Sandbox.start();
  const at = clientsOf({ endpoint: r2.url, bucket: 'media', ...r2.credentials[0] });
  const files = new Files();
  const close = async () => {
    files.remove();
    at.sdk.destroy();
    await r2.close();
  };
  return { r2, at, files, close };
}

module.exports = { MIB, Files, sha256, clientsOf, fetchObject, begunUploads, startBucket };
