'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fsp = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { describe, it } = require('node:test');
const { Client } = require('pg');
const { R2Sandbox, TelegramSandbox } = require('../lib/testing');
const { runDemo } = require('./support/demo');
const { randomToken, until } = require('./support/example');
const { realMedia } = require('./support/media');
const { startPostgres } = require('./support/postgres');

const whole = (result) => `${result.stdout}\n${result.stderr}`;

describe('warmpath demo', () => {
  it('warms up real media for three bots, proves every row and leaves nothing behind', async () => {
    const result = await runDemo(['--count', '12']);
    assert.equal(result.code, 0, whole(result));
    assert.match(result.stdout, /OK: 36 rows in media_cache, each with a file_id issued by the Telegram sandbox/);
    // The table names every medium with its route, and the figures are there.
    assert.equal(result.stdout.match(/^ {2}(alpha|beta|gamma) .* stream .*\d$/gm)?.length, 36, result.stdout);
    assert.match(result.stdout, /phase \(ms\) +P50 +P95 +P99/);
    assert.match(result.stdout, /throughput: 36 media, .* media\/s/);
    assert.match(result.stdout, /event-loop delay: .*P99 \d/);
    assert.match(result.stdout, /peak RSS \d/);
    assert.match(result.stdout, /rate limits off \(--telegram-limits turns them on\)/);
    assert.deepEqual(result.left, []);
  });

  it('ends at once with the signature error and the name of the setting when the S3 secret is wrong', async () => {
    const secret = crypto.randomBytes(32).toString('hex');
    const result = await runDemo(['--count', '3'], { env: { R2_SECRET_ACCESS_KEY: secret } });
    assert.equal(result.code, 1, whole(result));
    assert.match(result.stderr, /ERR_WARMPATH_S3_SIGNATURE/);
    assert.match(result.stderr, /R2_SECRET_ACCESS_KEY/);
    assert.ok(!whole(result).includes(secret));
    assert.deepEqual(result.left, []);
  });

  it('stops everything on SIGINT in the middle of a run', async () => {
    let interrupted = false;
    let app = null;
    const onOutput = (output, child) => {
      app ??= /example app at (\S+)/.exec(output)?.[1] ?? null;
      if (interrupted || !output.includes('into the bucket')) return;
      interrupted = true;
      child.kill('SIGINT');
    };
    const result = await runDemo(['--count', '12'], { onOutput });
    assert.equal(result.code, 130, whole(result));
    assert.match(result.stderr, /interrupted \(SIGINT\)/);
    await assert.rejects(fetch(`${app}/healthz`), 'the app must be gone');
    assert.deepEqual(result.left, []);
  });

  it('stays up with --serve, on the printed addresses, until it is told to stop', async () => {
    let answered = null;
    const onOutput = (output, child) => {
      const [, url, token] = /^ {2}app +(\S+) {2}\(Authorization: Bearer (\S+)\)\n[\s\S]*Postgres/m.exec(output) ?? [];
      if (!token || answered) return;
      const headers = { authorization: `Bearer ${token}` };
      answered = fetch(`${url}/api/media/cache`, { headers })
        .then((response) => response.json())
        .finally(() => child.kill('SIGTERM'));
    };
    const result = await runDemo(['--count', '2', '--serve'], { onOutput });
    assert.deepEqual((await answered).counts, { warming: 0, ready: 6, error: 0 });
    assert.equal(result.code, 0, whole(result));
    assert.deepEqual(result.left, []);
  });

  it('takes its children along when it is killed', async () => {
    let addresses = null;
    const onOutput = (output, child) => {
      const found = /^ {2}app +(\S+)[\s\S]*^ {2}Postgres +(postgresql:\S+)\n/m.exec(output);
      if (!found || addresses) return;
      addresses = { app: found[1], postgres: new URL(found[2]) };
      child.kill('SIGKILL');
    };
    const result = await runDemo(['--count', '1', '--serve'], { onOutput });
    assert.equal(result.signal, 'SIGKILL');
    const refused = (url) =>
      fetch(url).then(
        () => false,
        (error) => error.cause?.code === 'ECONNREFUSED',
      );
    await until(() => refused(`${addresses.app}/healthz`), 'the app to end');
    await until(() => refused(`http://127.0.0.1:${addresses.postgres.port}`), 'Postgres to end');
  });

  it("takes the user's own files, each with the kind its bytes call for", async () => {
    const folder = await fsp.mkdtemp(path.join(os.tmpdir(), 'warmpath-own-media-'));
    try {
      const media = await realMedia(9);
      const photo = media.find((file) => file.kind === 'photo');
      for (const file of media) await fsp.writeFile(path.join(folder, file.name), file.data);
      await fsp.writeFile(path.join(folder, 'named-wrongly.pdf'), Buffer.concat([photo.data, Buffer.from('more')]));
      await fsp.writeFile(path.join(folder, 'twin.jpg'), photo.data);
      await fsp.writeFile(path.join(folder, 'notes.txt'), 'Olá');
      await fsp.writeFile(path.join(folder, 'empty.jpg'), '');
      await fsp.writeFile(path.join(folder, '.hidden.jpg'), 'x');
      const result = await runDemo(['--media', folder]);
      assert.equal(result.code, 0, whole(result));
      assert.match(result.stdout, /OK: 33 rows/);
      assert.match(result.stdout, /left out: .*empty\.jpg: it is empty/);
      assert.match(result.stdout, /left out: .*twin\.jpg: the same bytes came before/);
      assert.match(result.stdout, /alpha +photo +named-wrongly\.pdf/);
      assert.match(result.stdout, /alpha +document +notes\.txt/);
    } finally {
      await fsp.rm(folder, { recursive: true, force: true });
    }
  });

  it("uses the user's own services, and takes its traces out of them", async () => {
    const postgres = await startPostgres();
    const accessKeyId = crypto.randomBytes(8).toString('hex');
    const secretAccessKey = crypto.randomBytes(16).toString('hex');
    const token = randomToken(123_456);
    const r2 = await R2Sandbox.start({ buckets: ['mine'], credentials: [{ accessKeyId, secretAccessKey }] });
    const telegram = await TelegramSandbox.start({ bots: [{ token, chats: ['42'] }], limits: false });
    const client = new Client({ connectionString: postgres.url });
    try {
      await client.connect();
      const result = await runDemo(['--count', '9'], {
        env: {
          DATABASE_URL: postgres.url,
          ...{
            R2_ENDPOINT: r2.url,
            R2_BUCKET: 'mine',
            R2_ACCESS_KEY_ID: accessKeyId,
            R2_SECRET_ACCESS_KEY: secretAccessKey,
          },
          ...{ TELEGRAM_API_ROOT: telegram.url, TELEGRAM_BOT_TOKEN: token, TELEGRAM_WARMUP_CHAT_ID: '42' },
        },
      });
      assert.equal(result.code, 0, whole(result));
      assert.match(result.stdout, /OK: 9 rows in media_cache, each with a file_id that Telegram knows/);
      assert.equal(telegram.received.length, 9);
      assert.equal(telegram.requests.filter((request) => request.method?.toLowerCase() === 'getfile').length, 9);
      const put = r2.requests.filter((request) => request.method === 'PUT').map((request) => request.key);
      assert.equal(new Set(put).size, 9);
      for (const key of put) assert.equal(await r2.get('mine', key), null, `${key} must be gone`);
      const { rows } = await client.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'warmpath%'");
      assert.deepEqual(rows, []);
      for (const secret of [token, secretAccessKey]) assert.ok(!whole(result).includes(secret));
    } finally {
      await client.end();
      await Promise.all([r2.close(), telegram.close()]);
      await postgres.stop();
    }
  });

  it('refuses wrong options with 2, and explains itself with 0', async () => {
    for (const args of [['--count', '0'], ['--s3', 'minio'], ['--bogus'], ['--concurrency', 'many']]) {
      const result = await runDemo(args);
      assert.equal(result.code, 2, args.join(' '));
      assert.match(result.stderr, /--count N/);
    }
    const help = await runDemo(['--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /--media DIR/);
  });
});
