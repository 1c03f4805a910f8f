'use strict';

const assert = require('node:assert/strict');
const { execFile, spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { migrate } = require('..');
const { startWorld, until } = require('./support/example.js');

const BIN = path.join(__dirname, '..', 'bin', 'warmpath.js');
const SCRIPT = path.join(__dirname, '..', 'scripts', 'test-prewarm-performance.js');

/** Runs the command as a user would: `{ code, out, err }`. */
function run(program, args, env) {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env: { PATH: process.env.PATH, ...env } }, (error, out, err) => {
      resolve({ code: error?.code ?? 0, out, err });
    });
  });
}

const warmpath = (args, env = {}) => run(BIN, args, env);

describe('the commands of an operator', () => {
  let world;
  let env;
  let folder;
  const media = [];
  before(async () => {
    world = await startWorld();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-cli-'));
    await migrate(world.pool);
    for (const { slug, token, chatId } of world.bots) {
      await world.pool.query('INSERT INTO bots (slug, token, warmup_chat_id) VALUES ($1, $2, $3)', [
        slug,
        token,
        chatId,
      ]);
    }
    for (let i = 0; i < 6; i++) {
      const body = Buffer.from(`cli media ${i}`);
      const sha256 = createHash('sha256').update(body).digest('hex');
      const row = { bot_slug: world.bots[i % 2].slug, sha256, kind: 'document', r2_key: `cli/${i}.txt` };
      if (i < 5) await world.r2.put('media', row.r2_key, body, { contentType: 'text/plain' });
      media.push(row);
    }
    const { PATH: _, ...settings } = world.env;
    env = settings;
  });
  after(async () => {
    fs.rmSync(folder, { recursive: true, force: true });
    await world?.stop();
  });

  it('doctor: finds nothing wrong where nothing is', async () => {
    const { code, out } = await warmpath(['doctor', '--json'], env);
    const { ok, findings } = JSON.parse(out);
    assert.deepEqual([code, ok, findings.filter(({ status }) => status !== 'ok')], [0, true, []]);
    const names = findings.map(({ check }) => check);
    for (const name of ['node', 'addon', 'bucket', 'clock', 'migrations', 'indexes', 'bot alpha', 'bot beta']) {
      assert.ok(names.includes(name), `${name} was not looked at`);
    }
  });

  it('doctor: names each fault with its fix, and no secret', async () => {
    await world.pool.query(
      "INSERT INTO bots (slug, token, warmup_chat_id) VALUES ('revoked', $1, 1), ('mute', $2, NULL), ('lost', $3, 987)",
      ['900:canary-token-AAAAAAAAAAAAAAAAAAAAAAAA', world.bots[0].token, world.bots[0].token],
    );
    await world.pool.query('CREATE INDEX broken ON media_cache (status)');
    await world.pool.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass");
    const wrong = {
      ...env,
      R2_SECRET_ACCESS_KEY: 'canary-wrong-secret',
      ADMIN_API_TOKEN: 'short',
      MEDIA_PREWARM_CONCURRENCY: '5x',
    };
    const { code, out, err } = await warmpath(['doctor'], wrong);
    assert.equal(code, 1);
    assert.match(out, /FAIL {2}settings of the worker: .*MEDIA_PREWARM_CONCURRENCY/);
    assert.match(out, /FAIL {2}admin token: .*shorter/);
    assert.match(out, /FAIL {2}bucket: .*403 SignatureDoesNotMatch\n {6}fix: R2_SECRET_ACCESS_KEY/);
    assert.match(out, /FAIL {2}indexes: .*broken\n {6}fix: /);
    assert.match(out, /FAIL {2}bot revoked: getMe was refused: 401/);
    assert.match(out, /FAIL {2}bot mute: it has no warm-up chat/);
    assert.match(out, /FAIL {2}bot lost: its warm-up chat was refused: 400/);
    assert.doesNotMatch(`${out}${err}`, /canary/);
    assert.ok(![...world.bots].some(({ token }) => out.includes(token)));
    await world.pool.query("DELETE FROM bots WHERE slug IN ('revoked', 'mute', 'lost')");
    await world.pool.query('DROP INDEX broken');
  });

  it('doctor: a Telegram that does not answer is said once, and not waited for again with every bot', async () => {
    const { code, out } = await warmpath(['doctor'], { ...env, TELEGRAM_API_ROOT: 'http://127.0.0.1:9' });
    assert.equal(code, 1);
    assert.match(out, /FAIL {2}bot alpha: Telegram: no answer \(\w+\)\n {6}fix: look at TELEGRAM_API_ROOT/);
    assert.match(out, /skip {2}bots: the others were not looked at/);
    assert.doesNotMatch(out, /bot beta/);
    assert.match(out, /\n\n1 fault; 1 thing was not looked at\.\n$/);
  });

  it('ends without a word when nobody reads on', async () => {
    const app = await world.app();
    const asks = { ADMIN_API_TOKEN: world.adminToken, WARMPATH_ADMIN_URL: `${app.url}/api/admin/media/prewarm` };
    const line = `"${process.execPath}" "${BIN}" stats --watch --interval 1 | head -1; echo "code \${PIPESTATUS[0]}"`;
    const { out, err } = await new Promise((resolve) => {
      execFile('bash', ['--norc', '-c', line], { env: { PATH: process.env.PATH, ...asks } }, (_, out, err) =>
        resolve({ out, err }),
      );
    });
    assert.match(out, /^prewarm: running, .*\ncode 141\n$/);
    assert.equal(err, '');
  });

  it('stats: goes on watching while the server is away', async (t) => {
    const app = await world.app();
    const asks = { ADMIN_API_TOKEN: world.adminToken, WARMPATH_ADMIN_URL: `${app.url}/api/admin/media/prewarm` };
    const child = spawn(process.execPath, [BIN, 'stats', '--watch', '--interval', '1', '--json'], { env: asks });
    t.after(() => child.kill('SIGKILL'));
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk) => (said.out += chunk));
    child.stderr.on('data', (chunk) => (said.err += chunk));
    await until(() => said.out.includes('\n'), 'the first look');
    await app.process.stop();
    await until(() => /does not answer \(\w+\); trying again\n/.test(said.err), 'the failure');
    assert.equal(child.exitCode, null);
    child.kill('SIGINT');
    const [code, signal] = await once(child, 'close');
    assert.ok(code === 130 || signal === 'SIGINT');
  });

  it('doctor: says what is not reachable, without addresses', async () => {
    const away = { ...env, R2_ENDPOINT: 'http://127.0.0.1:9', DATABASE_URL: 'postgres://canary:canary@127.0.0.1:9/x' };
    const { code, out, err } = await warmpath(['doctor'], away);
    assert.equal(code, 1);
    assert.match(out, /FAIL {2}bucket: no answer \(/);
    assert.match(out, /FAIL {2}database: the database does not answer \(ECONNREFUSED\)/);
    assert.doesNotMatch(`${out}${err}`, /canary/);
  });

  it('warm: a list, to the end; what failed is said, and a second run sends nothing again', async () => {
    const list = path.join(folder, 'list.jsonl');
    fs.writeFileSync(list, `${media.map((row) => JSON.stringify(row)).join('\n')}\n\n`);
    const first = await warmpath(['warm', '--list', list, '--json'], env);
    const lines = first.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([first.code, lines.at(-1)], [1, { total: 6, ready: 5, failed: 1, waiting: 0 }], first.err);
    assert.match(lines[0].error, /^ERR_WARMPATH_SOURCE_NOT_FOUND/);
    const sent = world.telegram.received.length;
    assert.equal(sent, 5);
    await world.r2.put('media', media[5].r2_key, Buffer.from('cli media 5'), { contentType: 'text/plain' });
    const second = await warmpath(
      ['warm', '--sql', "SELECT bot_slug, sha256, kind, job ->> 'r2Key' AS r2_key FROM media_cache"],
      env,
    );
    assert.equal(second.code, 0, second.err);
    assert.match(second.out, /6 media: 6 ready, 0 failed, 0 still waiting/);
    assert.equal(world.telegram.received.length, sent + 1, 'what was ready was sent again');
    const { rows } = await world.pool.query("SELECT count(*)::int AS n FROM media_cache WHERE status = 'ready'");
    assert.equal(rows[0].n, 6);
  });

  it('warm: files of this machine', async () => {
    const file = path.join(folder, 'a file.txt');
    fs.writeFileSync(file, 'from the disk');
    const { code, out, err } = await warmpath(['warm', '--bot', 'alpha', '--kind', 'document', file], env);
    assert.equal(code, 0, err);
    assert.match(out, /alpha\s+document\s+\w{12}\s+ready/);
  });

  it('warm: refuses what makes no job, before anything is sent', async () => {
    const list = path.join(folder, 'wrong.jsonl');
    fs.writeFileSync(list, `${JSON.stringify(media[0])}\n{"bot_slug":"a"}\n`);
    const { code, err } = await warmpath(['warm', '--list', list], env);
    assert.equal(code, 2);
    assert.match(err, /^line 2 of the list: job\./);
    assert.equal((await warmpath(['warm'], env)).code, 2);
    assert.equal((await warmpath(['warm', '--list', path.join(folder, 'absent')], env)).code, 2);
  });

  it('stats and report: from the running app and the database', async () => {
    const app = await world.app();
    const url = `${app.url}/api/admin/media/prewarm/`;
    const asks = { ADMIN_API_TOKEN: world.adminToken, WARMPATH_ADMIN_URL: url };
    const stats = await warmpath(['stats'], asks);
    assert.deepEqual([stats.code, stats.err], [0, '']);
    assert.match(stats.out, /^prewarm: running, /);
    assert.equal(JSON.parse((await warmpath(['stats', '--json'], asks)).out).worker.name, 'prewarm');
    assert.equal((await warmpath(['stats'], { ...asks, ADMIN_API_TOKEN: 'not-the-right-token' })).code, 3);
    assert.equal((await warmpath(['stats', '--url', 'http://127.0.0.1:9/x'], asks)).code, 3);
    assert.equal((await warmpath(['stats'], {})).code, 2);
    const withSecret = await warmpath(['stats', '--url', url.replace('//', '//app:canary@')], asks);
    assert.equal(withSecret.code, 2);
    assert.doesNotMatch(withSecret.err, /canary/);

    const report = await run(SCRIPT, ['--json'], { ...asks, DATABASE_URL: world.postgres.url });
    const { server, database } = JSON.parse(report.out);
    assert.deepEqual([server.max_concurrency, server.worker_running], [5, true]);
    assert.deepEqual([database.totals, database.successRate], [{ ready: 7, warming: 0, error: 0 }, 1]);
    const { count, p50, p99 } = database.latencyOfLast100;
    assert.ok(count === 7 && p50 > 0 && p99 >= p50);
    const text = await warmpath(['report'], { DATABASE_URL: world.postgres.url });
    assert.match(text.out, /Success rate: 100\.0 %/);
  });

  it('sign: headers, a presigned URL that works, and what was signed', async () => {
    const { out } = await warmpath(['sign', 'get', 'cli/0.txt', '--presign', '--expires', '60'], env);
    const response = await fetch(out.trim());
    assert.deepEqual([response.status, await response.text()], [200, 'cli media 0']);
    const headers = JSON.parse(
      (await warmpath(['sign', 'GET', `${env.R2_ENDPOINT}/media/cli/1.txt`, '--json', '--explain'], env)).out,
    );
    const { host: _, ...toSend } = headers.headers;
    assert.equal((await fetch(`${env.R2_ENDPOINT}/media/cli/1.txt`, { headers: toSend })).status, 200);
    assert.match(headers.explained.canonicalRequest, /^GET\n\/media\/cli\/1\.txt\n/);
    assert.ok(!JSON.stringify(headers).includes(env.R2_SECRET_ACCESS_KEY));
    assert.equal((await warmpath(['sign', 'GET'], env)).code, 2);
    assert.equal((await warmpath(['sign', 'GET', 'x', '--expires', '0'], env)).code, 2);
    const bare = await warmpath(['sign', 'GET', 'x']);
    assert.deepEqual([bare.code, /^R2_ENDPOINT or R2_ACCOUNT_ID is not set; /.test(bare.err)], [2, true]);
  });

  it('bench and migrate: for programs too', async () => {
    const { machine, results } = JSON.parse((await warmpath(['bench', '--ms', '50', '--json'])).out);
    assert.equal(machine.node, process.versions.node);
    assert.ok(results.length === 4 && results.every(({ microseconds }) => microseconds > 0));
    const { code, out } = await warmpath(['migrate', '--dry-run', '--json'], env);
    assert.deepEqual([code, JSON.parse(out)], [0, { migrations: [], statements: [], dryRun: true, down: false }]);
  });

  it('every command has a help and refuses an unknown option', async () => {
    for (const command of ['doctor', 'warm', 'stats', 'report', 'sign', 'bench', 'migrate', 'demo']) {
      const help = await warmpath([command, '--help']);
      assert.deepEqual([help.code, help.err], [0, ''], command);
      assert.match(help.out, new RegExp(`^warmpath ${command}`));
      assert.equal((await warmpath([command, '--no-such-option'])).code, 2, command);
      if (command === 'stats') assert.equal((await warmpath(['help', command])).out, help.out);
    }
  });
});
