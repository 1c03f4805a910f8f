'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

/** Linux's default. BBR paces every connection by timers whose work is charged to whichever thread runs just then. */
const WANTED = 'cubic';
const INSIDE = 'WARMPATH_BENCH_NETWORK';

const ENTER = `ip link set lo up && ip route replace local 127.0.0.1 dev lo table local congctl ${WANTED} && exec "$@"`;

function systemCongestion() {
  try {
    return fs.readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/** What the TCP connections of this run use; for the head of the results. */
const congestion = () => process.env[INSIDE] ?? systemCongestion();

const unshare = (...command) => ['unshare', ['--net', 'sh', '-c', ENTER, 'sh', ...command]];

/**
 * Where the system's congestion control is not Linux's default, the run moves into a network namespace of its own whose loopback uses
 * that: so that runs on two machines can be compared, and no contender is measured by timers that none of them asked for. Needs
 * the rights for it (root) and `unshare` and `ip`; without them the run goes on with what the system has, and its head says so.
 *
 * @returns {number | null} the exit code of the run in there; null: go on here
 */
function enterNetwork(env) {
  if (process.env[INSIDE] || systemCongestion() === WANTED || process.platform !== 'linux') return null;
  const [probe, args] = unshare('true');
  if (spawnSync(probe, args, { stdio: 'ignore' }).status !== 0) return null;
  const [program, own] = unshare(process.execPath, ...process.argv.slice(1));
  const inside = { ...process.env, ...env, [INSIDE]: WANTED };
  return spawnSync(program, own, { stdio: 'inherit', env: inside }).status ?? 1;
}

module.exports = { congestion, enterNetwork };
