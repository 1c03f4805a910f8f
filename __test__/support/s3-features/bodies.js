'use strict';

const assert = require('node:assert/strict');
const { Readable } = require('node:stream');
const S3 = require('@aws-sdk/client-s3');
const { bytesOf, md5, refusal, refusedAs } = require('./tools');

/** Changes the request behind the signer's back. */
const tampered = (command, change) => {
  command.middlewareStack.add((next) => (args) => next({ ...args, request: change(args.request) ?? args.request }), {
    step: 'deserialize',
    priority: 'low',
  });
  return command;
};

module.exports = {
  'refuses a body that is not the signed one': {
    lacks: { ministack: 'the hash is signed but not compared', rclone: 'the hash is signed but not compared' },
    async run(c) {
      const input = { ...c.at, Key: 'tampered', Body: 'signed body', ChecksumAlgorithm: undefined };
      const command = tampered(new S3.PutObjectCommand(input), (request) => ({
        ...request,
        body: Buffer.from('other body!'),
      }));
      const client = c.client({ requestChecksumCalculation: 'WHEN_REQUIRED' });
      try {
        refusedAs(c, await refusal(client.send(command)), 400, 'XAmzContentSHA256Mismatch');
      } finally {
        client.destroy();
      }
      assert.equal((await refusal(c.send(new S3.HeadObjectCommand({ ...c.at, Key: 'tampered' })))).status, 404);
    },
  },
  'refuses a wrong Content-MD5': {
    async run(c) {
      const ContentMD5 = md5('another body').toString('base64');
      const got = await refusal(c.send(new S3.PutObjectCommand({ ...c.at, Key: 'md5', Body: 'a body', ContentMD5 })));
      refusedAs(c, got, 400, 'BadDigest');
    },
  },
  ...Object.fromEntries(
    [
      ['CRC32', 'AAAAAA=='],
      ['CRC32C', 'AAAAAA=='],
      ['CRC64NVME', 'AAAAAAAAAAA='],
      ['SHA1', Buffer.alloc(20).toString('base64')],
      ['SHA256', Buffer.alloc(32).toString('base64')],
    ].map(([name, wrong]) => [
      `checks ${name}`,
      {
        lacks: { rclone: 'checksum headers are not read' },
        async run(c) {
          const put = (more) => c.send(new S3.PutObjectCommand({ ...c.at, Key: name, Body: 'checked', ...more }));
          await put({ ChecksumAlgorithm: name });
          refusedAs(c, await refusal(put({ [`Checksum${name}`]: wrong })), 400, 'BadDigest');
          // The SDK compares the body with the checksum that comes back.
          const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: name, ChecksumMode: 'ENABLED' }));
          assert.equal((await bytesOf(got)).toString(), 'checked');
          assert.ok(got[`Checksum${name}`], 'a checksum comes back');
        },
      },
    ]),
  ),
  'takes a stream of chunks with a trailing checksum': {
    lacks: {
      sandbox: '501, as R2 was seen to answer; streamingSignatures: accept',
      rclone: '411: it wants the length',
    },
    async run(c) {
      const Body = Readable.from([Buffer.from('in '), Buffer.from('pieces')]);
      await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'streamed', Body, ContentLength: 9 }));
      const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: 'streamed' }));
      assert.equal((await bytesOf(got)).toString(), 'in pieces');
    },
  },
};
