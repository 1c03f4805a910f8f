'use strict';

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client } = require('pg');
const { freePort, startProcess, waitReady } = require('../../lib/cli/services/process');

const BINARY = ['/usr/sbin/pgbouncer', '/usr/local/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find((file) =>
  fs.existsSync(file),
);

/** Null, or why PgBouncer cannot be had here. In CI (CI=true) that is a failure, not a skip. */
function pgbouncerMissing() {
  if (BINARY !== undefined) return null;
  const text = 'no pgbouncer (apt-get install pgbouncer)';
  if (process.env.CI === 'true') throw new Error(text);
  process.stderr.write(`\nNOT TESTED: the store behind PgBouncer: ${text}\n\n`);
  return text;
}

/** PgBouncer in transaction mode, with few server connections, in front of the server at `url`. */
async function startPgbouncer(url) {
  const { hostname, port, username, password, pathname } = new URL(url);
  const database = pathname.slice(1);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-pgbouncer-'));
  const listen = await freePort();
  const file = path.join(folder, 'pgbouncer.ini');
  fs.writeFileSync(
    file,
    `[databases]
${database} = host=${hostname} port=${port} user=${username} password=${password} dbname=${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
server_round_robin = 1
`,
  );
  // It does not run as root.
  let user = {};
  if (process.getuid?.() === 0) {
    const id = (flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
    user = { uid: id('-u'), gid: id('-g') };
    spawnSync('chown', ['-R', `${user.uid}`, folder]);
  }
  const running = startProcess(BINARY, [file], { name: 'pgbouncer', guard: 'TERM', ...user });
  const pooled = `postgresql://${username}:x@127.0.0.1:${listen}/${database}`;
  await waitReady(running, async () => {
    const client = new Client({ connectionString: pooled });
    client.on('error', () => {});
    await client.connect();
    await client.query('SELECT 1');
    await client.end();
    return true;
  });
  return {
    url: pooled,
    async stop() {
      await running.stop({ graceMs: 5000 });
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

module.exports = { pgbouncerMissing, startPgbouncer };
