'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { freePort } = require('../lib/cli/services/process');
const { runDemo } = require('./support/demo');
const { randomToken, startWorld, until } = require('./support/example');
const { realMedia } = require('./support/media');

/** A secret as it is, and as it would stand in a URL or in JSON. */
function shapesOf(secret) {
  const encoded = encodeURIComponent(secret);
  const escaped = JSON.stringify(secret).slice(1, -1);
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  return [...new Set([secret, encoded, encoded.toLowerCase(), escaped, base64])];
}

function assertNoSecret(text, secrets, where) {
  for (const [name, secret] of Object.entries(secrets)) {
    // A bot token is id:secret; the second half alone is enough to lose it.
    const parts = secret.includes(':') ? [secret, secret.split(':')[1]] : [secret];
    for (const shape of parts.flatMap(shapesOf)) assert.ok(!text.includes(shape), `${name} is in ${where}`);
  }
}

/** Every text value of the database, but for the column that holds the tokens on purpose. */
async function textOf(pool) {
  const { rows: columns } = await pool.query(
    `SELECT table_name, column_name FROM information_schema.columns
     WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'json', 'jsonb')
       AND NOT (table_name = 'bots' AND column_name = 'token')`,
  );
  const parts = [];
  for (const { table_name: table, column_name: column } of columns) {
    const { rows } = await pool.query(
      `SELECT "${column}"::text AS value FROM "${table}" WHERE "${column}" IS NOT NULL`,
    );
    parts.push(...rows.map((row) => row.value));
  }
  return parts.join('\n');
}

/** Starts the app with every log it has, lets all its jobs fail, and answers what it printed and stored. */
async function failingRun(world, settings, media) {
  const app = await world.app({ LOG_LEVEL: 'debug', ...settings });
  await world.pool.query('TRUNCATE media_cache');
  const items = [];
  for (const file of media) {
    const r2_key = `seeded/${file.name}`;
    await world.r2.put('media', r2_key, file.data, { contentType: file.contentType });
    items.push({ bot_slug: 'alpha', sha256: file.sha256, kind: file.kind, r2_key });
  }
  const answer = await app.json('POST', '/api/media/prewarm', { items });
  const told = () => app.output.join('\n');
  await until(() => /\[PREWARM\]\[(ERR|RETRY)\]/.test(told()), 'a failure in the log');
  const metrics = await app.call('GET', '/api/admin/media/prewarm/metrics');
  const cache = await app.call('GET', '/api/media/cache');
  await app.process.stop();
  return {
    log: told(),
    answers: JSON.stringify([answer.body, metrics.body, cache.body]),
    stored: await textOf(world.pool),
  };
}

describe('the secrets of a failing run', () => {
  it('are in no log, no answer and no table of the app', async () => {
    const media = (await realMedia(9)).slice(0, 3);
    const world = await startWorld();
    try {
      const [{ token }] = world.bots;
      const secret = randomToken('s3+/=').slice(4);
      const secrets = {
        token,
        adminToken: world.adminToken,
        's3 secret': world.credentials.secretAccessKey,
        'wrong s3 secret': secret,
      };
      const closed = `http://127.0.0.1:${await freePort()}`;

      const failures = {
        ERR_WARMPATH_S3_SIGNATURE: { R2_SECRET_ACCESS_KEY: secret },
        ERR_WARMPATH_SEND_FAILED: { TELEGRAM_API_ROOT: closed },
        ERR_WARMPATH_DOWNLOAD_FAILED: { R2_ENDPOINT: closed },
      };
      for (const [code, settings] of Object.entries(failures)) {
        const { log, answers, stored } = await failingRun(world, settings, media);
        assert.ok(`${log}\n${stored}`.includes(code), `the run must have failed by ${code}:\n${log}`);
        assertNoSecret(log, secrets, `the log of ${code}`);
        assertNoSecret(answers, secrets, `the answers of ${code}`);
        assertNoSecret(stored, secrets, `the database after ${code}`);
      }
    } finally {
      await world.stop();
    }
  });

  it('are not quoted from an answer that repeats them', async () => {
    const media = (await realMedia(9)).slice(0, 3);
    const world = await startWorld();
    try {
      const [{ token }] = world.bots;
      // What a careless proxy in front of the Bot API would answer.
      const echo = { ok: false, error_code: 401, description: `Unauthorized: /bot${token}/sendPhoto` };
      const refuse = world.telegram.faults.add({
        kind: 'status',
        status: 401,
        body: echo,
        times: Number.POSITIVE_INFINITY,
      });
      const { log, answers, stored } = await failingRun(world, {}, media);
      assert.ok(refuse.bites > 0);
      assert.ok(`${log}\n${stored}`.includes('ERR_WARMPATH_TELEGRAM_UNAUTHORIZED'), log);
      for (const [where, text] of Object.entries({ log, answers, stored })) assertNoSecret(text, { token }, where);
    } finally {
      await world.stop();
    }
  });

  it('are not printed by the demo', async () => {
    const token = randomToken(424_242);
    const secret = randomToken('s3').slice(3);
    const closed = `http://127.0.0.1:${await freePort()}`;
    const result = await runDemo(['--count', '3', '--verbose'], {
      env: {
        R2_SECRET_ACCESS_KEY: secret,
        ...{ TELEGRAM_API_ROOT: closed, TELEGRAM_BOT_TOKEN: token, TELEGRAM_WARMUP_CHAT_ID: '42' },
      },
    });
    assert.equal(result.code, 1);
    assert.match(result.stderr, /ERR_WARMPATH_S3_SIGNATURE/);
    assertNoSecret(`${result.stdout}\n${result.stderr}`, { token, secret }, 'the output of the demo');
  });
});
