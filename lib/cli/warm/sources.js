'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { checkWorkerJob } = require('../../options/job.js');
const { UsageError } = require('../command.js');

/** Field names as tables and hand-written workers have them, beside the package's own. */
const ALIASES = {
  bot_slug: 'botSlug',
  r2_key: 'r2Key',
  file_name: 'fileName',
  content_type: 'contentType',
  bytes: 'size',
};

/** A job from a row or a line; what is null counts as absent. @throws {UsageError} */
function jobOf(fields, where) {
  const job = {};
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (value === null || value === '') continue;
    const field = ALIASES[name] ?? name;
    // A bigint column comes as text.
    job[field] = field === 'size' && typeof value === 'string' ? Number(value) : value;
  }
  try {
    return checkWorkerJob(job);
  } catch (error) {
    throw new UsageError(`${where}: ${error.message}`);
  }
}

/** One JSON object a line; empty lines are skipped. `-` is the standard input. */
async function* fromList(file) {
  const input = file === '-' ? process.stdin : fs.createReadStream(file);
  const failed = new Promise((_, reject) => {
    input.on('error', (error) => reject(new UsageError(`--list cannot be read (${error.code})`)));
  });
  failed.catch(() => {});
  let number = 0;
  const lines = readline.createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  for (;;) {
    const { value: line, done } = await Promise.race([lines.next(), failed]);
    if (done) return;
    number++;
    if (line.trim() === '') continue;
    let fields;
    try {
      fields = JSON.parse(line);
    } catch {
      throw new UsageError(`line ${number} of the list is not JSON`);
    }
    yield jobOf(fields, `line ${number} of the list`);
  }
}

/** The rows of a query with the columns bot_slug, sha256, kind, r2_key, and more of a job's where it has them. */
async function* fromSql(pool, sql) {
  let rows;
  try {
    ({ rows } = await pool.query(sql));
  } catch (error) {
    throw new UsageError(
      `the query of --sql was refused: ${error.code ?? error.name} ${error.severity ? error.message : ''}`,
    );
  }
  let number = 0;
  for (const row of rows) yield jobOf(row, `row ${++number} of the query`);
}

async function* fromFiles(files, { bot, kind }) {
  for (const file of files) {
    const full = path.resolve(file);
    const hash = createHash('sha256');
    try {
      for await (const chunk of fs.createReadStream(full)) hash.update(chunk);
    } catch (error) {
      throw new UsageError(`${file} cannot be read (${error.code})`);
    }
    const fields = { botSlug: bot, kind, sha256: hash.digest('hex'), path: full, fileName: path.basename(full) };
    yield jobOf(fields, file);
  }
}

module.exports = { fromList, fromSql, fromFiles };
