'use strict';

const { Deadline } = require('./deadline.js');

const BATCH = 256;
const BACKOFF_BASE_MS = 250;
const BACKOFF_MAX_MS = 30_000;

// A database that is away is looked for all the time: what is not recorded before its lease runs out is sent again.
const AWAY_MAX_MS = 1000;

/** A value the database can never take (SQLSTATE classes 22 and 23): repeating the statement cannot help. */
function isRefusedValue(err) {
  return /^2[23][0-9A-Z]{3}$/.test(err?.cause?.code ?? '');
}

/** The database did not answer at all (no SQLSTATE), or was going down or coming up. */
function isAway(err) {
  const code = err?.cause?.code ?? '';
  return !/^[0-9A-Z]{5}$/.test(code) || /^(08...|57P0[123])$/.test(code);
}

/**
 * Records outcomes, in order, one batch at a time: result to the recorder, then the job to the store. When the database
 * is away only this step is repeated (after a second at most; after another failure, up to 30 s), never the job, so a media that was sent is not sent again.
 * Meanwhile its job stays claimed, which keeps an equal one from starting.
 */
class Outbox {
  #store;
  #recorder;
  #onDone;
  #onError;
  #entries = [];
  #flushing = null;
  #failures = 0;
  #batchSize = BATCH;
  #timer = null;
  #endWait = () => {};
  #gaveUp = false;
  #away = false;
  #deadline = null;
  #closers = [];

  /**
   * @param {object} parts store; recorder: { saveReady, saveError } | null; onDone(entries); onError(err)
   *   An entry is { claim, outcome, release?, final? }; final: whatever the failure, the job is not tried again; onDone's entries carry `result`, the store's answer, too.
   */
  constructor({ store, recorder, onDone, onError }) {
    this.#store = store;
    this.#recorder = recorder;
    this.#onDone = onDone;
    this.#onError = onError;
  }

  get size() {
    return this.#entries.length;
  }

  /** Whether the database was away when it was to record the last time. */
  get away() {
    return this.#away;
  }

  /** The database has answered somebody: what waits for it need wait no longer. */
  hurry() {
    if (this.#away) this.#endWait();
  }

  /** The claims that the store still counts as running. */
  claims() {
    return this.#entries.filter((entry) => !entry.result).map(({ claim }) => claim);
  }

  /** The jobs whose outcome is not recorded yet. */
  jobs() {
    return this.#entries.map(({ claim }) => claim.job);
  }

  push(entries) {
    this.#entries.push(...entries);
    this.#work();
  }

  /** A flush runs exactly while there is something to record: looked at after every push and after every flush. */
  #work() {
    if (this.#flushing !== null || this.#entries.length === 0 || this.#gaveUp) return;
    // finally() comes a turn later at the earliest, so it can never clear the flag before it is set.
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = null;
      this.#work();
      if (this.#flushing === null) this.#closed();
    });
  }

  #closed() {
    this.#deadline?.clear();
    this.#deadline = null;
    for (const resolve of this.#closers.splice(0)) resolve(this.#entries.length === 0);
  }

  /**
   * Resolves true when everything is recorded, false when `timeoutMs` passed first (what is left is dropped). A further
   * call can only shorten the wait of the ones before.
   */
  close(timeoutMs) {
    this.#failures = 0;
    this.#endWait();
    if (this.#flushing === null) return Promise.resolve(this.#entries.length === 0);
    if (this.#deadline === null) {
      this.#deadline = new Deadline(timeoutMs);
      this.#deadline.passed.then(() => this.#giveUp());
    } else {
      this.#deadline.shorten(timeoutMs);
    }
    return new Promise((resolve) => {
      this.#closers.push(resolve);
    });
  }

  #giveUp() {
    this.#gaveUp = true;
    this.#endWait();
    this.#closed();
  }

  async #flush() {
    // Entries of one turn go together.
    await null;
    while (this.#entries.length > 0 && !this.#gaveUp) {
      const batch = this.#entries.slice(0, this.#batchSize);
      try {
        await this.#record(batch);
      } catch (err) {
        this.#onError(err);
        this.#away = isAway(err);
        this.#makeWay(batch);
        if (!this.#gaveUp) await this.#backoff();
        continue;
      }
      this.#failures = 0;
      this.#away = false;
      this.#batchSize = Math.min(this.#batchSize * 2, BATCH);
      this.#entries.splice(0, batch.length);
      this.#tell(batch);
    }
  }

  /** Recorded is recorded: who is told of it and fails must not stop the records that come after. */
  #tell(batch) {
    try {
      this.#onDone(batch);
    } catch (err) {
      this.#onError(err);
    }
  }

  /** One record that always fails must not hold up the others: after a failure they go singly, and a failing one to the end. */
  #makeWay(batch) {
    this.#batchSize = 1;
    if (batch.length === 1) this.#entries.push(this.#entries.shift());
  }

  #backoff() {
    const maxMs = this.#away ? AWAY_MAX_MS : BACKOFF_MAX_MS;
    const waitMs = Math.min(BACKOFF_BASE_MS * 2 ** this.#failures++, maxMs);
    return new Promise((resolve) => {
      this.#endWait = () => {
        clearTimeout(this.#timer);
        resolve();
      };
      // Ref'd: results that are not recorded yet are a reason to stay alive.
      this.#timer = setTimeout(resolve, waitMs);
    });
  }

  /** Every step marks its entries, so that a repeated batch goes on where it failed. */
  async #record(batch) {
    const sent = batch.filter(({ outcome, recorded }) => outcome.status === 'succeeded' && !recorded);
    await this.#save(sent, (entries) =>
      this.#recorder.saveReady(entries.map(({ claim, outcome }) => ({ job: claim.job, value: outcome.value }))),
    );

    const released = batch.filter(({ release, result }) => release && !result);
    if (released.length > 0) {
      await this.#store.release(released.map(({ claim }) => ({ key: claim.key, fence: claim.fence })));
      for (const entry of released) entry.result = { applied: true, state: 'released' };
    }

    const open = batch.filter(({ result }) => !result);
    if (open.length > 0) {
      const results = await this.#store.settle(open.map(toSettlement));
      open.forEach((entry, i) => {
        entry.result = results[i];
      });
    }

    const dead = batch.filter(({ result, recorded }) => result.state === 'dead' && !recorded);
    await this.#save(dead, (entries) =>
      this.#recorder.saveError(entries.map(({ claim, outcome }) => ({ job: claim.job, error: outcome.error }))),
    );
  }

  async #save(entries, write) {
    if (this.#recorder === null || entries.length === 0) return;
    try {
      await write(entries);
      for (const entry of entries) entry.recorded = true;
    } catch (err) {
      if (!isRefusedValue(err)) throw err;
      if (entries.length === 1) {
        // Nothing will ever make this row acceptable: say so, and let the job end as it did.
        entries[0].recorded = true;
        this.#onError(err);
      } else {
        for (const entry of entries) await this.#save([entry], write);
      }
    }
  }
}

function toSettlement({ claim, outcome, final }) {
  const { status, value, charged } = outcome;
  const error = final ? { ...outcome.error, class: 'permanent' } : outcome.error;
  return { key: claim.key, fence: claim.fence, status, value, error, charged, retryAfterMs: error?.retryAfterMs };
}

module.exports = { Outbox };
