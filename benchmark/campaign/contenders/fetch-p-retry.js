'use strict';

const { messagesFor, partsOf, post } = require('../message');

/** fetch with a deadline, p-retry around each request, and a window of loops: what careful apps write by hand. */
function create(config) {
  const tools = import('p-retry');
  const options = { retries: 3, minTimeout: 1000, maxTimeout: 4000, randomize: true };
  let made = 0;
  async function complete(messages) {
    const response = await fetch(`${config.url}/api/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
      body: JSON.stringify({ model: 'a/one', messages }),
      signal: AbortSignal.timeout(30_000),
    });
    const answer = await response.json();
    if (!response.ok || answer.error) throw new Error(`the service answered ${response.status}`);
    return answer.choices[0].message.content;
  }
  return {
    async run(jobs) {
      const { default: pRetry } = await tools;
      let left = jobs;
      const slot = async () => {
        while (left-- > 0) {
          const messageId = `m${made++}`;
          const text = await pRetry(() => complete(messagesFor(made)), options);
          const parts = partsOf(text);
          for (let part = 0; part < parts.length; part++)
            await pRetry(() => post(config, messageId, part, parts), options);
        }
      };
      await Promise.all(Array.from({ length: config.concurrency }, slot));
    },
    close: async () => {},
  };
}

module.exports = { create };
