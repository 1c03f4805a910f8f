'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { S3Client } = require('@aws-sdk/client-s3');
const { PrewarmExecutor } = require('../index.js');
const { objectUrl, signedFetch } = require('../lib/cli/services/signed-fetch');
const { R2Sandbox, TelegramSandbox } = require('../lib/testing');
const { randomToken } = require('./support/example');
const { realMedia } = require('./support/media');
const { FEATURES } = require('./support/s3-features');
const { s3Servers, s3ServersMissing } = require('./support/services');

/** Keys that a signer or a URL builder gets wrong. */
const ODD_KEYS = [
  'with space.jpg',
  'acentuação/ação.jpg',
  '日本語/絵.jpg',
  "plus+and&'()*!~=.jpg",
  'per%20cent.jpg',
  'emoji-🎬.jpg',
];

describe('the main path on S3 servers of others', async () => {
  const missing = await s3ServersMissing();
  const token = randomToken(654_321);
  let telegram;
  let media;

  before(async () => {
    telegram = await TelegramSandbox.start({ bots: [{ token, chats: ['42'] }], limits: false });
    media = await realMedia(16);
  });
  after(() => telegram?.close());

  for (const [name, start] of Object.entries(s3Servers)) {
    describe(name, { skip: missing ?? false }, () => {
      let server;
      before(async () => {
        server = await start();
      });
      after(() => server?.stop());

      const executor = (overrides = {}) => {
        const { endpoint, bucket, region, accessKeyId, secretAccessKey } = server;
        const s3 = { endpoint, bucket, region, accessKeyId, secretAccessKey, ...overrides };
        return new PrewarmExecutor({ s3, telegram: { apiRoot: telegram.url }, limits: false });
      };
      const put = async (key, file) => {
        const { accessKeyId, secretAccessKey, region, endpoint, bucket } = server;
        const credentials = { accessKeyId, secretAccessKey, region };
        const url = objectUrl(endpoint, bucket, key);
        await signedFetch({
          credentials,
          url,
          method: 'PUT',
          headers: { 'content-type': file.contentType },
          body: file.data,
        });
      };
      const jobOf = (file, r2Key, more = {}) => {
        const { sha256, kind, name: fileName, contentType } = file;
        return { botSlug: 'alpha', sha256, kind, r2Key, token, chatIds: ['42'], fileName, contentType, ...more };
      };

      it('sends real media of every kind', async () => {
        for (const file of media) await put(`media/${file.name}`, file);
        const engine = executor();
        try {
          const values = await Promise.all(media.map((file) => engine.run(jobOf(file, `media/${file.name}`))));
          for (const [index, value] of values.entries()) {
            const file = media[index];
            const issued = telegram.issued(value.fileId);
            assert.equal(issued?.sha256, file.sha256, file.name);
            assert.equal(issued.kind, file.kind);
            assert.equal(value.bytes, file.bytes);
          }
        } finally {
          await engine.close();
        }
      });

      it('reads keys that are hard to sign', async () => {
        const file = media.find((one) => one.kind === 'photo');
        const engine = executor();
        try {
          for (const [index, key] of ODD_KEYS.entries()) {
            await put(key, file);
            const value = await engine.run(jobOf(file, key, { key: `odd-${index}` }));
            assert.equal(telegram.issued(value.fileId)?.sha256, file.sha256, key);
          }
        } finally {
          await engine.close();
        }
      });

      it('is told apart: a wrong secret, a missing object, other bytes than announced', async () => {
        const file = media.find((one) => one.kind === 'photo');
        await put('there.jpg', file);
        const cases = [
          [executor({ secretAccessKey: 'w'.repeat(40) }), jobOf(file, 'there.jpg'), 'ERR_WARMPATH_S3_SIGNATURE'],
          [executor(), jobOf(file, 'nowhere.jpg'), 'ERR_WARMPATH_SOURCE_NOT_FOUND'],
          [executor(), jobOf(file, 'there.jpg', { sha256: '0'.repeat(64) }), 'ERR_WARMPATH_SHA256_MISMATCH'],
        ];
        for (const [engine, job, code] of cases) {
          try {
            await assert.rejects(engine.run(job), { code });
          } finally {
            await engine.close();
          }
        }
      });
    });
  }
});

/** Our sandbox with the settings its users get, shaped like the servers of others. */
async function startSandbox(storage) {
  const sandbox = await R2Sandbox.start({ storage });
  const [credentials] = sandbox.credentials;
  return { endpoint: sandbox.url, bucket: 'media', region: 'auto', ...credentials, stop: () => sandbox.close() };
}

describe('what S3 servers do, by the AWS SDK', async () => {
  const missing = await s3ServersMissing();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-features-'));
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  const servers = [
    ['sandbox', 'R2 sandbox in memory', () => startSandbox('memory'), null],
    ['sandbox', 'R2 sandbox in a folder', () => startSandbox(folder), null],
    ...Object.entries(s3Servers).map(([name, start]) => [name, name, start, missing]),
  ];
  for (const [name, title, start, why] of servers) {
    describe(title, { skip: why ?? false }, () => {
      let server;
      let context;
      before(async () => {
        server = await start();
        const { endpoint, region, accessKeyId, secretAccessKey } = server;
        const credentials = { accessKeyId, secretAccessKey };
        const options = { endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 };
        const client = (more = {}) => new S3Client({ ...options, ...more });
        const strict = name === 'sandbox';
        context = Object.assign(client(), { client, credentials, endpoint, strict, at: { Bucket: server.bucket } });
      });
      after(async () => {
        context?.destroy();
        await server?.stop();
      });

      for (const [feature, { run, lacks = {} }] of Object.entries(FEATURES)) {
        if (Object.hasOwn(lacks, name)) {
          it(`NOT: ${feature} (${lacks[name]})`, { timeout: 20_000 }, async () => {
            const answered = (error) => error.code === 'ERR_ASSERTION' || error.$metadata?.httpStatusCode !== undefined;
            // An error on this side would prove nothing about the server.
            await assert.rejects(run(context), answered, `${title} does it by now: take it out of the list`);
          });
        } else {
          it(feature, { timeout: 20_000 }, () => run(context));
        }
      }
    });
  }
});
