'use strict';

/** An executor whose answers the test writes: `play` is called for each run, with the job and how often its key came. */
function scripted(play) {
  const seen = new Map();
  return {
    calls: [],
    async run(job, options) {
      const nth = (seen.get(job.key) ?? 0) + 1;
      seen.set(job.key, nth);
      this.calls.push(job);
      return play(job, nth, options);
    },
  };
}

module.exports = { scripted };
