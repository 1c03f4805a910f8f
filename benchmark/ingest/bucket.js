'use strict';

// Answers like a bucket that has taken what it was sent, in one request or in parts, and keeps nothing. No signature is looked at:
// what is measured is the memory of the sender.

const http = require('node:http');

const xml = (res, text) => res.writeHead(200, { 'content-type': 'application/xml' }).end(text);

http
  .createServer((req, res) => {
    req.resume().on('end', () => {
      const query = new URL(req.url, 'http://bucket').searchParams;
      if (req.method === 'POST' && query.has('uploads')) {
        return xml(res, '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>');
      }
      if (req.method === 'POST') {
        return xml(res, '<CompleteMultipartUploadResult><ETag>"e-1"</ETag></CompleteMultipartUploadResult>');
      }
      return res.writeHead(req.method === 'DELETE' ? 204 : 200, { etag: '"e"' }).end();
    });
  })
  .listen(0, '127.0.0.1', function listening() {
    process.stdout.write(`${JSON.stringify({ port: this.address().port })}\n`);
  });

process.stdin.on('end', () => process.exit()).resume();
