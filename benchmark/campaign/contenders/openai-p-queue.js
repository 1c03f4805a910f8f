'use strict';

const { messagesFor, partsOf, post } = require('../message');

/** The `openai` SDK for the text, fetch for the parts, p-queue for the window. */
function create(config) {
  const tools = (async () => {
    const [{ default: OpenAI }, { default: PQueue }] = await Promise.all([import('openai'), import('p-queue')]);
    const client = new OpenAI({ apiKey: 'k', baseURL: `${config.url}/api/v1`, maxRetries: 3, timeout: 30_000 });
    return { client, queue: new PQueue({ concurrency: config.concurrency }) };
  })();
  let made = 0;
  return {
    async run(jobs) {
      const { client, queue } = await tools;
      const one = async () => {
        const messageId = `m${made++}`;
        const completion = await client.chat.completions.create({ model: 'a/one', messages: messagesFor(made) });
        const parts = partsOf(completion.choices[0].message.content);
        for (let part = 0; part < parts.length; part++) await post(config, messageId, part, parts);
      };
      await queue.addAll(Array.from({ length: jobs }, () => one));
    },
    close: async () => {},
  };
}

module.exports = { create };
