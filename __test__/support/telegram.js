'use strict';

const { createHash } = require('node:crypto');
const http = require('node:http');
const https = require('node:https');

const TOKEN = '123456:secretSecretSecret';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** One raw request. `chunks` are sent chunked unless a Content-Length is among the headers. */
function call(url, { method = 'POST', headers = {}, chunks = [], ca, onRequest } = {}) {
  return new Promise((resolve) => {
    const result = { status: null, headers: null, error: null, complete: false };
    const { request } = url.startsWith('https') ? https : http;
    const req = request(url, { method, headers, ca, agent: false }, (res) => {
      Object.assign(result, { status: res.statusCode, headers: res.headers });
      const parts = [];
      res.on('data', (chunk) => parts.push(chunk));
      res.on('error', (error) => {
        result.error = error;
      });
      res.on('close', () => {
        result.complete = res.complete;
        result.text = Buffer.concat(parts).toString('utf8');
        try {
          result.json = JSON.parse(result.text);
        } catch {
          result.json = undefined;
        }
        resolve(result);
      });
    });
    req.on('error', (error) => {
      result.error = error;
      if (result.status === null) resolve(result);
    });
    onRequest?.(req);
    if (method === 'GET') req.end();
    else {
      for (const chunk of chunks) req.write(chunk);
      req.end();
    }
  });
}

const multipart = (...parts) => {
  const pieces = parts.flatMap(([head, body]) => ['--xYzZy\r\n', head, '\r\n\r\n', body, '\r\n']);
  return Buffer.concat([...pieces, '--xYzZy--\r\n'].map((piece) => Buffer.from(piece)));
};
const FORM = { 'content-type': 'multipart/form-data; boundary=xYzZy' };

/** A multipart body that sends these bytes as a document. */
const documentOf = (bytes, chat = 42) =>
  multipart(
    ['Content-Disposition: form-data; name="chat_id"', String(chat)],
    ['Content-Disposition: form-data; name="document"; filename="a.bin"', bytes],
  );

module.exports = { TOKEN, FORM, sha256, call, multipart, documentOf };
