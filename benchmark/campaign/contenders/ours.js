'use strict';

const { CampaignExecutor } = require('../../..');
const { messagesFor } = require('../message');

/** CampaignExecutor, generate and deliver as two jobs a message, as an app with a store would. */
function create({ url, secret, concurrency }) {
  const executor = new CampaignExecutor({
    llm: { apiKey: 'k', baseUrl: `${url}/api/v1`, models: ['a/one'] },
    webhook: { url: `${url}/hook`, secret },
    // The text has two paragraphs and is cut between them, as the peers cut it.
    split: { maxChars: 400 },
    concurrency,
    capacity: 1_000_000,
  });
  let made = 0;
  return {
    run(jobs) {
      return new Promise((resolve, reject) => {
        let left = jobs;
        const onSettled = (outcomes) => {
          const deliveries = [];
          for (const { status, value, error, key } of outcomes) {
            if (status === 'failed') reject(new Error(`${error.code}: ${error.message}`));
            else if (value.step === 'deliver') left--;
            else {
              const messageId = key.slice(2);
              deliveries.push({
                step: 'deliver',
                campaignId: 'c',
                messageId,
                parts: value.parts,
                recipient: { leadId: messageId },
              });
            }
          }
          if (deliveries.length > 0) executor.submitMany(deliveries);
          if (left > 0) return;
          executor.off('settled', onSettled);
          resolve();
        };
        executor.on('settled', onSettled);
        const generations = Array.from({ length: jobs }, () => {
          const messageId = `m${made++}`;
          return { step: 'generate', key: `g:${messageId}`, campaignId: 'c', messageId, messages: messagesFor(made) };
        });
        executor.submitMany(generations);
      });
    },
    close: () => executor.close(),
  };
}

module.exports = { create };
