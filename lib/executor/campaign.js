'use strict';

const { guard } = require('../errors.js');
const { native } = require('../native.js');
const { campaignOptions } = require('../options/campaign.js');
const { checkCampaignJob } = require('../options/campaign-job.js');
const { integer, text, failWith } = require('../options/check.js');
const { emitSafely } = require('./emit.js');
const { Executor } = require('./executor.js');

// Events per text.
const BATCH = 256;

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
const key = text({ max: 1024 });
const part = integer(0, 2 ** 31 - 1);

/**
 * Campaign messages: text by LLM, split, delivered part by part. A message is two jobs, because what was generated has to
 * be stored before anything is sent. Nothing runs in JS between submit and settle.
 *
 * Events: 'settled' (outcomes[]), 'part' (events[]).
 */
class CampaignExecutor extends Executor {
  #native;

  /** @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD */
  constructor(options) {
    const checked = campaignOptions(options);
    const json = JSON.stringify(checked);
    const { NativeCampaign } = native();
    let made;
    super(
      (wake) => {
        made = new NativeCampaign(json, wake);
        return made;
      },
      checkCampaignJob({ generate: checked.llm !== undefined, deliver: checked.webhook !== undefined }),
    );
    this.#native = made;
  }

  /** With `confirmParts`: the part is recorded, the next one may be sent. False when no job of that key waits for it. */
  confirm(jobKey, index) {
    key(jobKey, 'key', invalid);
    part(index, 'part', invalid);
    return guard(() => this.#native.confirm(jobKey, index));
  }

  /** @protected */
  delivering() {
    for (;;) {
      const json = guard(() => this.#native.takeParts(BATCH));
      if (json === null || json === undefined) return;
      emitSafely(this, 'part', JSON.parse(json));
    }
  }
}

module.exports = { CampaignExecutor };
