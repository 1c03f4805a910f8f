'use strict';

const { shape, integer, milliseconds, text, oneOf, arrayOf, failWith, isPlainObject, describe } = require('./check.js');
const { priority } = require('./fields.js');
const { jsonObject } = require('./json.js');
const { models, maxTokens, temperature } = require('./campaign.js');
const { campaignKey } = require('../campaign/key.js');

const invalidJob = failWith('ERR_WARMPATH_INVALID_JOB');

const MOST_TEXT = 1_000_000;
const MOST_PARTS = 100;

// Encoded threefold at worst, both still fit into a key.
const id = text({ max: 250 });

const common = {
  step: oneOf('generate', 'deliver'),
  key: text({ max: 1024 }),
  campaignId: id,
  messageId: id,
  priority,
  leaseMs: milliseconds(),
};

const message = shape(
  { role: oneOf('system', 'user', 'assistant'), content: text({ max: MOST_TEXT }) },
  { required: ['role', 'content'] },
);

const generate = shape(
  { ...common, messages: arrayOf(message, { min: 1, max: 1000 }), models, maxTokens, temperature },
  { required: ['step', 'campaignId', 'messageId', 'messages'] },
);

const deliver = shape(
  {
    ...common,
    parts: arrayOf(text({ max: 100_000 }), { min: 1, max: MOST_PARTS }),
    from: integer(0, MOST_PARTS - 1),
    recipient: jsonObject(),
  },
  { required: ['step', 'campaignId', 'messageId', 'parts'] },
);

/**
 * A check of jobs, in the shape the engine reads: what belongs to a step together under its name. `can` says which steps
 * the executor has the options for.
 */
function checkCampaignJob(can) {
  return (job, path = 'job') => {
    if (!isPlainObject(job)) invalidJob(path, `must be a plain object, not ${describe(job)}`);
    // First: it decides which fields there are. An own property, as all of them.
    const step = common.step(Object.hasOwn(job, 'step') ? job.step : undefined, `${path}.step`, invalidJob);
    const fields = step === 'deliver' ? deliver : generate;
    const { step: _step, key, campaignId, messageId, priority, leaseMs, ...own } = fields(job, path, invalidJob);
    if (!can[step]) {
      invalidJob(`${path}.step`, `'${step}' needs the option ${step === 'generate' ? 'llm' : 'webhook'}`);
    }
    if (step === 'deliver' && own.from >= own.parts.length) {
      invalidJob(`${path}.from`, `must be below the number of parts, ${own.parts.length}`);
    }
    return {
      key: key ?? campaignKey(job),
      campaignId,
      messageId,
      priority,
      leaseMs,
      [step]: own,
    };
  };
}

module.exports = { checkCampaignJob };
