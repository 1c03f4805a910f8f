'use strict';

/**
 * The app's hooks in the middle of a job (`reupload`, `resolve`), as an executor gets them: called with the job that the app
 * knows. A hook that fails is no answer: a phone that is not connected, a database that is away. So the job fails for now, and
 * is tried again; only null says that its media cannot be had.
 */
class IngestHooks {
  #jobOf;

  /** @param {(key: string) => object | undefined} jobOf the app's job behind the executor's key */
  constructor(jobOf) {
    this.#jobOf = jobOf;
  }

  /** @param {{ reupload?: Function, resolve?: Function }} hooks */
  wrap(hooks) {
    const given = ['reupload', 'resolve'].filter((name) => hooks[name] !== undefined);
    return Object.fromEntries(given.map((name) => [name, (job) => hooks[name](this.#jobOf(job.key) ?? job)]));
  }

  /** The error that a job has ended with, or what that is where its hook threw, did not answer, or answered what it may not. */
  judge(error) {
    if (error?.hookFailed !== true) return error;
    const { message, phase, certainty } = error;
    return { code: 'ERR_WARMPATH_DOWNLOAD_FAILED', class: 'transient', message, phase, certainty };
  }
}

module.exports = { IngestHooks };
