'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Child } = require('./child');
const { onCore } = require('./cores');

/**
 * Starts the object server and the Bot API in a process of their own.
 * @param {string} program path of `bench-server`
 * @param {{ tls: boolean, sizes: number[], latencyMs?: number, readBytesPerSecond?: number, core?: number | null }} options
 *   `readBytesPerSecond`: bytes the Bot API reads a second from each connection; `core`: the processor they are bound to (default none)
 * @returns {Promise<object>} `{ s3Url, botUrl, s3Port, botPort, ca, caFile, sha256, cpuUs(), sleeps(), close() }`
 */
async function startServers(program, { tls, sizes, latencyMs = 0, readBytesPerSecond = 0, core = null }) {
  const args = ['--sizes', sizes.join(','), '--latency-ms', String(latencyMs)];
  args.push('--read-bytes-per-second', String(readBytesPerSecond));
  const child = new Child(...onCore(core, program, tls ? ['--tls', ...args] : args));
  const ready = await child.hear();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-bench-'));
  const caFile = path.join(folder, 'ca.pem');
  fs.writeFileSync(caFile, ready.ca);
  const scheme = tls ? 'https' : 'http';
  return {
    ...ready,
    tls,
    caFile,
    s3Url: `${scheme}://127.0.0.1:${ready.s3Port}`,
    botUrl: `${scheme}://127.0.0.1:${ready.botPort}`,
    cpuUs: () => cpuOf(child.process.pid),
    sleeps: () => sleepsOf(child.process.pid),
    async close() {
      await child.end();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** CPU time of another process, in µs, exact to the kernel's tick of 10 ms. */
function cpuOf(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** How often the threads of another process that are alive now went to sleep. */
function sleepsOf(pid) {
  const count = (thread) => {
    try {
      const status = fs.readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
      return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)[1]);
    } catch {
      return 0; // it ended between the two looks
    }
  };
  return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + count(thread), 0);
}

/** CPU time that all processes of the machine have used, in µs, with what a hypervisor took away. */
function machineCpuUs() {
  const [user, nice, system, , , irq, softirq, steal] = fs
    .readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * 10_000;
}

module.exports = { machineCpuUs, startServers };
