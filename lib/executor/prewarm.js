'use strict';

const { native } = require('../native.js');
const { executorOptions, mostSlots } = require('../options/executor.js');
const { checkExecutorJob } = require('../options/job.js');
const { PacedExecutor } = require('./paced.js');
const { outcomesOf } = require('./prewarm-rows.js');

/**
 * Prewarms media: streams an object from S3/R2 (or a file) to a bot's warm-up chat and hands back its file_id. Nothing
 * runs in JS between submit and settle.
 */
class PrewarmExecutor extends PacedExecutor {
  /** @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD */
  constructor(options) {
    const { concurrency, ...rest } = executorOptions(options);
    const json = JSON.stringify({ ...rest, concurrency: mostSlots(concurrency) });
    const { NativePrewarm } = native();
    super((wake) => new NativePrewarm(json, wake), checkExecutorJob, outcomesOf);
    if (typeof concurrency !== 'number') this.setConcurrency(concurrency);
  }
}

module.exports = { PrewarmExecutor };
