'use strict';

const { spawn } = require('node:child_process');
const net = require('node:net');
const { setTimeout: sleep } = require('node:timers/promises');

/**
 * A port nobody listens on at the moment. Another process may take it before the caller does, so callers try again with another one.
 * @returns {Promise<number>}
 */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Runs a command and ends it when standard input closes, which the kernel does for a parent that died, however it died. The command is in
 * the background, so its pid is known; `read` is in a subshell, so it cannot hold up the end of the command.
 */
const GUARD = `exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(read -r _ <&3; kill -s "$STOP_SIGNAL" "$child" 2>/dev/null) &
watcher=$!
wait "$child"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"`;

/**
 * Starts a long-running child in a process group of its own: Ctrl-C in the terminal then reaches only the parent, which stops its
 * children in the right order (the app before its database).
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & { name: string, guard?: 'TERM' | 'INT', onLine?: (line: string, stream: 'stdout' | 'stderr') => void }} options
 *   guard: for servers that know nothing of their parent; they get that signal when it dies. Not on Windows.
 * @returns {{ name: string, child: import('node:child_process').ChildProcess, tail: () => string, exited: Promise<{ code: number | null, signal: string | null }>, isRunning: () => boolean, stop: (options?: { graceMs?: number }) => Promise<{ code: number | null, signal: string | null }> }}
 *   tail() is the end of what it printed; stop() sends the guard's signal, else SIGTERM, after `graceMs` (10,000 ms) SIGKILL, and waits
 *   for the end
 */
function startProcess(command, args, { name, guard, onLine, env = process.env, ...options }) {
  const guarded = guard !== undefined && process.platform !== 'win32';
  const child = spawn(guarded ? '/bin/sh' : command, guarded ? ['-c', GUARD, name, command, ...args] : args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: guarded ? { ...env, STOP_SIGNAL: guard } : env,
    ...options,
  });
  // A child that ends first breaks the pipe.
  child.stdin.on('error', () => {});

  let tail = '';
  for (const stream of ['stdout', 'stderr']) {
    let partial = '';
    child[stream].setEncoding('utf8').on('data', (chunk) => {
      tail = (tail + chunk).slice(-8000);
      if (!onLine) return;
      const lines = (partial + chunk).split('\n');
      partial = lines.pop();
      for (const line of lines) onLine(line, stream);
    });
  }

  let ended = null;
  const exited = new Promise((resolve) => {
    const settle = (outcome) => {
      ended ??= outcome;
      resolve(ended);
    };
    child.once('error', (error) => {
      tail += error.message;
      settle({ code: null, signal: null });
    });
    child.once('close', (code, signal) => settle({ code, signal }));
  });

  const kill = () => {
    if (guarded) process.kill(-child.pid, 'SIGKILL');
    else child.kill('SIGKILL');
  };
  const stop = async ({ graceMs = 10_000 } = {}) => {
    if (ended) return ended;
    if (guarded) child.stdin.end();
    else child.kill('SIGTERM');
    const killer = setTimeout(kill, graceMs);
    try {
      return await exited;
    } finally {
      clearTimeout(killer);
    }
  };
  return { name, child, tail: () => tail, exited, isRunning: () => ended === null, stop };
}

/**
 * Waits until `probe` answers truthy; fails at once when the process ends first, and stops it when the time is over.
 *
 * @template T
 * @param {ReturnType<typeof startProcess>} running
 * @param {() => Promise<T>} probe a rejection counts as "not yet"
 * @param {number} [timeoutMs=20000]
 * @returns {Promise<T>}
 * @throws {Error} with the end of the process's output
 */
async function waitReady(running, probe, timeoutMs = 20_000) {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (!running.isRunning()) throw new Error(`${running.name} ended before it was ready: ${running.tail().trim()}`);
    const answer = await probe().catch(() => null);
    if (answer) return answer;
    await sleep(25);
  }
  const said = running.tail().trim();
  await running.stop({ graceMs: 2000 });
  throw new Error(`${running.name} was not ready after ${timeoutMs} ms: ${said}`);
}

module.exports = { freePort, startProcess, waitReady };
