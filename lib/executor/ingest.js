'use strict';

const { native } = require('../native.js');
const { ingestOptions } = require('../options/ingest.js');
const { checkIngestJob } = require('../options/ingest-job.js');
const { Asking } = require('./asking.js');
const { Compressor } = require('./compressor.js');
const { Executor } = require('./executor.js');

/**
 * Stores incoming media: from a URL, WhatsApp, base64, bytes, a file or an object to a directory or a bucket, in one native
 * stream. JS runs in the middle of a job only where a hook has to find out where its bytes are now.
 */
class IngestExecutor extends Executor {
  #inner;

  /** @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD */
  constructor(options) {
    const { native: settings, hooks, compress, capacityBytes } = ingestOptions(options);
    const compressor = compress === undefined ? undefined : new Compressor(compress);
    const json = JSON.stringify(settings);
    const { NativeIngest } = native();
    let inner;
    super(
      (wake) => {
        inner = new NativeIngest(json, capacityBytes, wake);
        return new Asking(inner, hooks, wake, compressor);
      },
      (job, path = 'job') => checkIngestJob(job, path, settings.sinks, compressor !== undefined),
    );
    this.#inner = inner;
  }

  async close(options) {
    await super.close(options);
    // The directory is free for others to sweep now, and not only when this object is collected.
    this.#inner.release();
  }

  stats() {
    // What only a pipeline that sends to chats has.
    const { possibleDuplicates, limits, ...stats } = super.stats();
    return stats;
  }
}

module.exports = { IngestExecutor };
