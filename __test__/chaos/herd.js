'use strict';

const { fork } = require('node:child_process');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

/** Retries while the database is away: the harness itself has no failover. */
async function patiently(query) {
  for (let tries = 0; ; tries++) {
    try {
      return await query();
    } catch (err) {
      if (tries === 200) throw err;
      await sleep(50);
    }
  }
}

/** The worker processes of one run, and what each of the killed ones left behind. */
class Herd {
  #stage;
  #settings;
  #members = new Set();
  /** Claims in flight when their process was killed: `name.fence sha256`. */
  inFlightAtKill = new Set();
  kills = 0;

  /** @param {object} settings leaseMs, concurrency, patienceMs, plant and so on, for every process; program: its file, child.js */
  constructor(stage, settings) {
    this.#stage = stage;
    this.#settings = settings;
  }

  get members() {
    return [...this.#members];
  }

  async start(extra = {}) {
    const settings = { ...this.#stage.newProcess(this.#settings), ...this.#settings, ...extra };
    const child = fork(path.join(__dirname, settings.program ?? 'child.js'), {
      env: { ...process.env, CHAOS: JSON.stringify(settings) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const member = { name: settings.name, child, id: null, heard: [], waiting: [] };
    member.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    child.on('message', (message) => {
      member.heard.push(message);
      for (const look of member.waiting.splice(0)) look();
    });
    this.#members.add(member);
    member.exited.then(() => {
      this.#members.delete(member);
      for (const look of member.waiting.splice(0)) look();
    });
    const ready = await this.hear(member, 'ready');
    if (ready === null) throw new Error(`${member.name} has ended before it was ready`);
    member.id = ready.id;
    return member;
  }

  /** The first message with this field, also one that came before; null when the process has ended without it. */
  async hear(member, field) {
    for (;;) {
      const message = member.heard.find((one) => one[field] !== undefined);
      if (message !== undefined) return message;
      if (!this.#members.has(member)) return null;
      await new Promise((resolve) => member.waiting.push(resolve));
    }
  }

  /** SIGKILL, and a look at what it held at that moment. */
  async kill(member) {
    member.child.kill('SIGKILL');
    await member.exited;
    return this.#bury(member);
  }

  /** For a process that ended by itself. */
  buried(member) {
    return this.#bury(member);
  }

  async #bury(member) {
    this.kills++;
    const { rows } = await patiently(() =>
      this.#stage.pool.query(
        `SELECT sha256, fence FROM media_cache WHERE status = 'warming' AND lease_owner = $1 AND lease_until IS NOT NULL`,
        [member.id],
      ),
    );
    for (const { sha256, fence } of rows) this.inFlightAtKill.add(`${member.name}.${fence} ${sha256}`);
    return rows.length;
  }

  /** SIGTERM; what it says at its end. */
  async stop(member) {
    member.child.kill('SIGTERM');
    const said = await this.hear(member, 'stopped');
    await member.exited;
    return said;
  }

  async close() {
    for (const member of this.#members) member.child.kill('SIGKILL');
    await Promise.all([...this.#members].map((member) => member.exited));
  }
}

module.exports = { Herd, patiently };
