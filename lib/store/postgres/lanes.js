'use strict';

const os = require('node:os');
const { version } = require('../../../package.json');
const { CHANNEL } = require('./listener.js');

// A claim comes to its end well before the lane it was made in does.
const MARGIN_MAX_MS = 5000;

const LOOK_MS = 1000;

/**
 * Which bots this instance paces. A bot is a lane: at any time one instance owns it and claims its jobs, so that the limits of
 * its token are kept by one pacer, and no two instances compete for the same rows. Ownership is a lease in the database;
 * it is renewed with the heartbeat, outlasts every job lease given under it, and moves on when its owner is gone.
 */
class Lanes {
  #database;
  #sql;
  #queue;
  #id;
  #held;
  #hint;
  #owned = new Set();
  #shedding = new Set();
  #leaseMs = 60_000;
  #balancedAt = Number.NEGATIVE_INFINITY;
  #news = true;
  #freeAt = null;
  #joined = false;
  #active = false;
  #last = Promise.resolve();
  /** What a worker wants to be told, and asked, when lanes change hands: see shareLimits() in contract.js. */
  sharing = null;

  /** @param {object} parts database; sql: statement texts; queue; id; held; hint(kind): what others are told, or null */
  constructor({ database, sql, queue, id, held, hint }) {
    this.#database = database;
    this.#sql = sql;
    this.#queue = queue;
    this.#id = id;
    this.#held = held;
    this.#hint = hint;
  }

  set leaseMs(value) {
    this.#leaseMs = value;
  }

  /** How long a lane is owned without a sign of life: a third longer than a job. */
  get laneMs() {
    return Math.ceil((this.#leaseMs * 4) / 3);
  }

  get marginMs() {
    return Math.min(MARGIN_MAX_MS, this.#leaseMs / 6);
  }

  /** Lanes that are to be let go as soon as nothing is claimed in them. */
  get shedding() {
    return [...this.#shedding];
  }

  /** When a bot that has work loses its owner, should that one give no more signs of life; ms, null: none has another owner. */
  get freeInMs() {
    return this.#freeAt === null ? null : Math.max(0, this.#freeAt - performance.now());
  }

  owns(lane) {
    return this.#owned.has(lane) && !this.#shedding.has(lane);
  }

  get size() {
    return this.#owned.size;
  }

  /** There may be work in lanes that nobody owns yet. */
  news() {
    this.#news = true;
  }

  /**
   * Whether to look at the whole picture again: when a sign of life is due; and when there is room for more work than the
   * lanes of this instance have, at once after news, else now and then.
   */
  due(wanting) {
    const age = performance.now() - this.#balancedAt;
    return age >= this.#leaseMs / 3 || (wanting && (this.#news || age >= LOOK_MS));
  }

  /** One after the other: a balance that ends after a sign-off would have signed on again. */
  #inTurn(work) {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** From now on this instance wants lanes. */
  enter() {
    this.#active = true;
  }

  /** @returns {Promise<number>} how many lanes were taken */
  balance() {
    return this.#inTurn(() => (this.#active ? this.#balance() : 0));
  }

  async #balance() {
    const startedAt = performance.now();
    this.#news = false;
    if (!this.#joined) await this.#database.run('sweeping instances', this.#sql.sweep, []);
    const params = [this.#queue, this.#id, this.laneMs, os.hostname(), process.pid, version, this.#held.lanes()];
    const [{ fair, kept, taken, busy, theirs, inherited }] = await this.#database.run(
      'sharing the bots',
      this.#sql.balance,
      params,
    );
    this.#balancedAt = startedAt;
    this.#freeAt = theirs === null ? null : performance.now() + theirs;
    this.#owned = new Set([...kept, ...taken]);
    for (const { lane, ...from } of inherited ?? []) this.sharing?.inherit(lane, from);
    for (const lane of this.#shedding) if (!this.#owned.has(lane)) this.#shedding.delete(lane);
    if (!this.#joined) {
      this.#joined = true;
      await this.#tell('join');
    }
    await this.#shed(busy, busy.length - fair);
    return taken.length;
  }

  /** Lets go what is above the share, idle lanes first; a lane with claims goes when they have come to their end. */
  async #shed(busy, surplus) {
    const candidates = busy.filter((lane) => !this.#shedding.has(lane));
    candidates.sort((a, b) => this.#held.has(a) - this.#held.has(b));
    const going = surplus - this.#shedding.size;
    for (const lane of candidates.slice(0, Math.max(0, going))) this.#shedding.add(lane);
    await this.#letGo();
  }

  /** Claims have come to their end: lets go the lanes that only waited for that. */
  settled() {
    return this.#shedding.size === 0 ? this.#last : this.#inTurn(() => this.#letGo());
  }

  async #letGo() {
    const idle = [...this.#shedding].filter((lane) => !this.#held.has(lane));
    if (idle.length === 0) return;
    for (const lane of idle) {
      this.#shedding.delete(lane);
      this.#owned.delete(lane);
    }
    await this.#giveUp(idle, []);
  }

  /** `lanes`: null for all that are `owned` but those excepted. */
  #giveUp(lanes, except, owned = lanes) {
    const payload = this.#hint('free');
    const going = owned.filter((lane) => !except.includes(lane));
    const left = JSON.stringify(this.sharing?.leave(going) ?? {});
    const params = [this.#queue, this.#id, lanes, except, payload === null ? null : CHANNEL, payload, left];
    return this.#database.run('letting bots go', this.#sql.giveUp, params);
  }

  async #tell(kind) {
    const payload = this.#hint(kind);
    if (payload !== null) await this.#database.run('telling others', 'SELECT pg_notify($1, $2)', [CHANNEL, payload]);
  }

  /** Signs off: lanes without claims go at once, those with claims when settled() finds them idle. */
  leave() {
    this.#active = false;
    return this.#inTurn(() => this.#leave());
  }

  async #leave() {
    if (!this.#joined) return;
    const busy = this.#held.lanes();
    const owned = [...this.#owned];
    this.#owned = new Set(busy);
    this.#shedding = new Set(busy);
    this.#news = true;
    await this.#giveUp(null, busy, owned);
    if (busy.length > 0) return;
    this.#joined = false;
    this.#balancedAt = Number.NEGATIVE_INFINITY;
    await this.#database.run('signing off', this.#sql.leave, [this.#id]);
  }
}

module.exports = { Lanes };
