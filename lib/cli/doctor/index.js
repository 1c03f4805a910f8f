'use strict';

const { telegramEnv } = require('../../compat/env.js');
const { EXIT, runCommand, explain } = require('../command.js');
const { withDatabase, DATABASE_OPTIONS, DATABASE_HELP } = require('../database.js');
const { checkBots } = require('./bots.js');
const { checkBucket } = require('./bucket.js');
const { Findings } = require('./check.js');
const { checkProcess } = require('./process.js');
const { checkTables } = require('./tables.js');

const HELP = `warmpath doctor [options]: looks at everything a worker needs, and says how to mend what is wrong

${DATABASE_HELP}  --token-column NAME   the column of bots that holds the token (token)
  --offline             only what needs no network
  --json                one JSON object

Reads R2_*, TELEGRAM_API_ROOT, MEDIA_PREWARM_*, ADMIN_API_TOKEN and DATABASE_URL. Changes nothing; sends no message.
Exit code: 0 nothing is wrong, 1 something is, 2 wrong usage
`;

const OPTIONS = {
  ...DATABASE_OPTIONS,
  'token-column': { type: 'string', default: 'token' },
  offline: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
};

const MARKS = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL', skip: 'skip' };

function line({ check, status, message, fix }) {
  const out = `${MARKS[status]}  ${check}: ${message}\n`;
  return fix === undefined ? out : `${out}      fix: ${fix}\n`;
}

/** The end of the list, for who does not read all of it. */
function verdict(found) {
  const count = (status, one, many) => {
    const { length } = found.list.filter((finding) => finding.status === status);
    return length === 0 ? [] : [`${length} ${length === 1 ? one : many}`];
  };
  const said = [...count('fail', 'fault', 'faults'), ...count('warn', 'warning', 'warnings')];
  const skipped = count('skip', 'thing was', 'things were').map((text) => `${text} not looked at`);
  return `${[said.length === 0 ? 'Nothing is wrong' : said.join(', '), ...skipped].join('; ')}.`;
}

async function examine(found, values, full) {
  checkProcess(found, full.env);
  if (values.offline) return;
  await checkBucket(found, full.env);
  if (!(values.database ?? full.env.DATABASE_URL)) {
    found.skip('database', 'DATABASE_URL is not set', 'set it, or give --database');
    return;
  }
  try {
    await withDatabase(values, full, 'warmpath doctor', async (pool) => {
      await checkTables(found, pool, { needed: full.env.MEDIA_PREWARM_STORE !== 'memory' });
      await checkBots(found, pool, { ...telegramEnv(full.env), tokenColumn: values['token-column'] });
    });
  } catch (error) {
    found.fail('database', explain(error), 'look at DATABASE_URL, and whether this machine may connect to it');
  }
}

/** @param {string[]} argv @param {object} [io] @returns {Promise<number>} exit code */
function runDoctor(argv, io) {
  return runCommand({ name: 'doctor', help: HELP, options: OPTIONS }, argv, io, async (values, full) => {
    const found = new Findings((finding) => {
      if (!values.json) full.out(line(finding));
    });
    await examine(found, values, full);
    if (values.json) full.out(`${JSON.stringify({ ok: !found.has('fail'), findings: found.list })}\n`);
    else full.out(`\n${verdict(found)}\n`);
    return found.has('fail') ? EXIT.failed : EXIT.ok;
  });
}

module.exports = { runDoctor };
