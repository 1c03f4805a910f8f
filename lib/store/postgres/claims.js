'use strict';

const { claimOf, claimKey, columnsOf } = require('./rows.js');

/**
 * Takes jobs for this instance: what a claim has taken is held, and those whose answer was lost go back before the next claim.
 */
class Claims {
  #parts;
  /** Whether a claim may have been committed of which nobody here knows. */
  #lostAnswer = false;

  /**
   * @param {object} parts
   * @param {import('./database.js').Database} parts.database
   * @param {object} parts.sql statements
   * @param {string} parts.queue
   * @param {string} parts.id of this instance
   * @param {number} parts.maxLostLeases
   * @param {import('./held.js').Held} parts.held
   * @param {import('./lanes.js').Lanes} parts.lanes
   * @param {import('./suspects.js').Suspects} parts.suspects
   * @param {(count: number) => void} parts.onTaken so many jobs are running that were queued
   * @param {(claims: object[]) => Promise<void>} parts.release
   * @param {(err: Error) => void} parts.onError
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** At most so many of the lanes that are ours, held. */
  async take(limit, leaseMs) {
    const { database, sql, id, queue, held, lanes, suspects, release, onError } = this.#parts;
    if (lanes.size === 0) return [];
    const { laneMs, marginMs, shedding } = lanes;
    const params = [limit, leaseMs, id, queue, marginMs, laneMs, shedding];
    // An answer that comes when nobody waits for it any more: its jobs go back.
    const late = (rows) => release(this.#hold(rows)).catch(onError);
    let claims;
    try {
      claims = this.#hold(await database.run('claiming jobs', sql.claim(limit), params, { late }));
    } catch (err) {
      // Broken off, the claim may have been committed: what it took is ours, and we do not know it.
      this.#lostAnswer = true;
      throw err;
    }
    try {
      return await suspects.sift(claims);
    } catch (err) {
      // Nobody will hear of these claims: they go back when the database is there again.
      for (const claim of claims) held.remove(claim);
      this.#lostAnswer = true;
      throw err;
    }
  }

  #hold(rows) {
    const { held, maxLostLeases, onTaken } = this.#parts;
    onTaken(rows.length);
    return rows.map((row) => {
      const { claim, identity } = claimOf(row, maxLostLeases);
      held.add(claim, identity);
      return claim;
    });
  }

  /** Gives back what this instance has claimed and does not hold, where an answer was lost. */
  async giveBackOrphans() {
    if (!this.#lostAnswer) return;
    const { database, sql, id, queue, held } = this.#parts;
    const keys = columnsOf(held.all().map(claimKey), 4);
    await database.run('giving back jobs', sql.orphans, [id, queue, ...keys]);
    this.#lostAnswer = false;
  }
}

module.exports = { Claims };
