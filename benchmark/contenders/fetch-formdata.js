'use strict';

// What most apps do: Node's own fetch, the file whole in memory, FormData with a Blob.

const { CHAT_ID, FILE_NAME, TOKEN, createSigner, createVerifier, fileIdOf, inSlots, objectPath } = require('./shared');

function create(config) {
  const sign = createSigner(config.s3Url);

  async function job(n) {
    const path = objectPath(config.size, n);
    const object = await fetch(config.s3Url + path, { headers: sign(path) });
    if (!object.ok) {
      throw new Error(`GET answered ${object.status}`);
    }
    const buffer = Buffer.from(await object.arrayBuffer());
    const verifier = createVerifier(config);
    verifier.update(buffer);
    verifier.check();
    const form = new FormData();
    form.append('chat_id', CHAT_ID);
    form.append('document', new Blob([buffer], { type: 'application/octet-stream' }), FILE_NAME);
    const answer = await fetch(`${config.botUrl}/bot${TOKEN}/sendDocument`, { method: 'POST', body: form });
    fileIdOf(answer.status, await answer.json());
  }

  return { run: inSlots(config.concurrency, job), async close() {} };
}

module.exports = { create };
