'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');

// Else a crashed server first opens and syncs every file that it has, one by one.
const QUICK = ['-c', 'recovery_init_sync_method=syncfs'];

/**
 * Ends a server as a crash does (SIGQUIT, "immediate": no goodbye, nothing flushed) and starts it again on the same data and
 * port, as often as wanted. Only for a server started with `fsync: true`: the others lose what they confirmed.
 */
class Restarts {
  #pid;
  #command;
  #child = null;

  constructor(server) {
    this.#pid = server.pid;
    const { uid, gid } = fs.statSync(`/proc/${server.pid}`);
    const [file, ...args] = fs.readFileSync(`/proc/${server.pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    this.#command = {
      file,
      args,
      options: { uid, gid, cwd: fs.readlinkSync(`/proc/${server.pid}/cwd`), stdio: 'ignore' },
    };
  }

  async #end(signal) {
    process.kill(this.#pid, signal);
    while (fs.existsSync(`/proc/${this.#pid}`)) await sleep(5);
  }

  crash() {
    return this.#end('SIGQUIT');
  }

  start() {
    const { file, args, options } = this.#command;
    this.#child = spawn(file, [...args, ...QUICK], { ...options, env: { ...process.env, LC_ALL: 'C' } });
    this.#pid = this.#child.pid;
  }

  /** Ends the server this object has started, for good. */
  async stop() {
    if (this.#child !== null) await this.#end('SIGINT');
  }
}

module.exports = { Restarts };
