'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { onServers } = require('./support/pg-servers.js');

const BIN = path.join(__dirname, '..', 'bin', 'warmpath.js');

/** Runs the command as a user would: `{ code, out, err }`. */
function warmpath(args, env = {}) {
  const { DATABASE_URL: _, ...clean } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { env: { ...clean, ...env } }, (error, out, err) => {
      resolve({ code: error?.code ?? 0, out, err });
    });
  });
}

/** Single statements, as psql finds them: a semicolon between dollar quotes ends none. */
function statementsOf(text) {
  const found = [''];
  text.split(';\n').forEach((part) => {
    const last = found.at(-1);
    if (last.split('$$').length % 2 === 0) found[found.length - 1] = `${last};\n${part}`;
    else found.push(part);
  });
  return found.slice(1);
}

onServers(
  'warmpath migrate',
  async ({ url, pool }, t) => {
    const tables = async () =>
      (await pool.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")).rows.length;

    await t.test('a dry run prints SQL that runs as it is, and changes nothing', async () => {
      const { code, out } = await warmpath(['migrate', '--dry-run'], { DATABASE_URL: url });
      assert.equal(code, 0);
      assert.equal(await tables(), 0);
      assert.match(out, /-- would be applied: tables, columns, .*storage, ingest\n$/);
      const statements = statementsOf(out).filter((sql) => !sql.startsWith('--'));
      assert.ok(statements.length > 20);
      for (const sql of statements) await pool.query(sql);
      const again = await warmpath(['migrate', '--url', url]);
      assert.equal(again.out, '-- applied: nothing\n');
    });

    await t.test('down, and up with names of one’s own', async () => {
      const down = await warmpath(['migrate', '--url', url, '--down']);
      assert.equal(down.code, 0, down.err);
      assert.match(down.out, /-- taken back: ingest, storage, .*tables\n$/);
      await pool.query('DROP TABLE bots');
      const up = await warmpath(['migrate', '--url', url, '--token-column', 'secret']);
      assert.equal(up.code, 0, up.err);
      await pool.query('SELECT secret FROM bots');
    });

    await t.test('what is wrong is said, without the password', async () => {
      assert.equal((await warmpath(['migrate'])).code, 2);
      assert.equal((await warmpath(['migrate', '--nope'])).code, 2);
      assert.match((await warmpath(['migrate', '--help'])).out, /--dry-run/);
      const away = await warmpath(['migrate', '--url', 'postgres://u:hunter2@127.0.0.1:1/x']);
      assert.equal(away.code, 1);
      assert.match(away.err, /ECONNREFUSED/);
      assert.ok(!away.err.includes('hunter2'));
      const missing = await warmpath(['migrate', '--url', url, '--table', 'not_there']);
      assert.equal(missing.code, 1);
      assert.match(missing.err, /not_there/);
    });
  },
  { only: 'first' },
);
