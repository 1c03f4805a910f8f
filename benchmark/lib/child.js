'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const readline = require('node:readline');

/** How long a child has to end by itself: what counts what it runs writes that down at its end. */
const GRACE_MS = 2000;

/**
 * A child process that speaks one JSON object a line, whatever language it is written in.
 */
class Child {
  #lines;

  /**
   * @param {string} program
   * @param {string[]} args
   * @param {Record<string, string>} [env] added to ours
   */
  constructor(program, args, env = {}) {
    this.process = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.process.stdin.on('error', () => {}); // a child that died says so by its missing answer
    this.#lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** Starts a script of ours under this Node with `config` as its argument. */
  static node(script, config, env) {
    return new Child(process.execPath, [script, JSON.stringify(config)], env);
  }

  /** @param {string | number} line what the child is told */
  tell(line) {
    this.process.stdin.write(`${line}\n`);
  }

  /** @returns {Promise<object>} what the child says next; rejects if it ends instead */
  async hear() {
    const { value, done } = await this.#lines.next();
    if (done) {
      throw new Error(`${this.process.spawnargs.slice(0, 2).join(' ')} ended without an answer`);
    }
    return JSON.parse(value);
  }

  /** Ends the child, which sees the end of what it is told, and waits until it is gone. One that stays is killed. */
  async end() {
    this.process.stdin.end();
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    const kill = setTimeout(() => this.process.kill(), GRACE_MS);
    await gone;
    clearTimeout(kill);
  }
}

module.exports = { Child };
