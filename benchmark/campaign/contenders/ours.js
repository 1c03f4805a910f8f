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
        let [left, unasked] = [jobs, jobs];
        // As a worker claims: what runs, and as much again that waits.
        const next = (count) => {
          const generations = [];
          for (; generations.length < count && unasked > 0; unasked--) {
            const messageId = `m${made++}`;
            const messages = messagesFor(made);
            generations.push({ step: 'generate', key: `g:${messageId}`, campaignId: 'c', messageId, messages });
          }
          return generations;
        };
        const onSettled = (outcomes) => {
          const follow = [];
          for (const { status, value, error, key } of outcomes) {
            if (status === 'failed') reject(new Error(`${error.code}: ${error.message}`));
            else if (value.step === 'deliver') left--;
            else {
              const messageId = key.slice(2);
              const recipient = { leadId: messageId };
              follow.push({ step: 'deliver', campaignId: 'c', messageId, parts: value.parts, recipient });
            }
          }
          follow.push(...next(follow.length));
          if (follow.length > 0) executor.submitMany(follow);
          if (left > 0) return;
          executor.off('settled', onSettled);
          resolve();
        };
        executor.on('settled', onSettled);
        executor.submitMany(next(2 * concurrency));
      });
    },
    close: () => executor.close(),
  };
}

module.exports = { create };
