'use strict';

// The signer of the AWS SDK for Python, in one process that is fed by lines of JSON.

const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');
const { ensureVenv } = require('../../../../lib/cli/services/venv');
const { CACHE_DIR } = require('../../services');

const SCRIPT = path.join(__dirname, 'botocore_oracle.py');

/** What the Python side needs of a case. The query goes as pairs and the host inside the URL: botocore encodes and derives itself. */
function order({ mode, identity, call, truth }) {
  const { payload } = truth;
  const authority = typeof call.url === 'string' ? /:\/\/([^/?#]+)/.exec(call.url)[1] : call.url.host;
  return {
    mode,
    identity,
    method: call.method,
    url: `${truth.scheme}://${authority}${truth.sdkPath}`,
    headers: truth.headers,
    pairs: truth.pairs,
    body: payload.bytes && Buffer.from(payload.bytes).toString('base64'),
    hash: payload.hash ?? truth.headers.find(([name]) => name === 'x-amz-content-sha256')?.[1] ?? null,
    checksum: identity.applyChecksum === true && mode === 'sign',
    ms: truth.ms,
    expiresIn: truth.expiresIn,
  };
}

/** @returns {Promise<{ name: string, version: string, answers: Function, close: Function }>} botocore comes with the venv's ministack */
async function startBotocore() {
  const command = await ensureVenv(CACHE_DIR);
  const child = spawn(command('python'), ['-u', SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {});
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the botocore process ended');
    return JSON.parse(value);
  };
  const { version } = await next();
  return {
    name: 'botocore',
    version,
    async answers(cases) {
      child.stdin.write(cases.map((one) => `${JSON.stringify(order(one))}\n`).join(''));
      const all = [];
      for (const _ of cases) all.push(await next());
      return all;
    },
    close: () =>
      new Promise((resolve) => {
        child.once('exit', resolve);
        child.stdin.end();
      }),
  };
}

module.exports = { startBotocore };
