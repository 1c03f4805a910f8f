'use strict';

const { databaseError } = require('../errors.js');
const { checkWorkerJob, fieldsFit } = require('../options/job.js');

/** One row of media_cache is one (bot, content, kind), whatever key the job has. */
function identity(job) {
  return JSON.stringify([job.botSlug, job.sha256, job.kind]);
}

// Postgres text cannot hold NUL, and one such message would fail a whole batch.
function plain(text, max) {
  return String(text).replaceAll('\0', ' ').toWellFormed().slice(0, max);
}

// The ORDER BY of the three statements that write: rows locked in one order everywhere cannot make a deadlock.
const MARK_WARMING = `
WITH input AS (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) AS i(bot_slug, sha256, kind)),
marked AS (
  INSERT INTO media_cache AS c (bot_slug, sha256, kind, status)
  SELECT bot_slug, sha256, kind, 'warming' FROM input ORDER BY bot_slug, sha256, kind
  ON CONFLICT (bot_slug, sha256, kind) DO UPDATE SET status = 'warming', last_error = NULL, updated_at = now()
  WHERE c.status = 'error' OR (c.status = 'ready' AND c.file_id IS NULL)
)
SELECT c.bot_slug, c.sha256, c.kind FROM input JOIN media_cache c USING (bot_slug, sha256, kind)
WHERE c.status = 'ready' AND c.file_id IS NOT NULL`;

const SAVE_READY = `
INSERT INTO media_cache (bot_slug, sha256, kind, status, file_id, file_unique_id, warmup_chat_id, warmup_message_id, warmup_at)
SELECT bot_slug, sha256, kind, 'ready', file_id, file_unique_id, chat_id, message_id, now()
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
  AS i(bot_slug, sha256, kind, file_id, file_unique_id, chat_id, message_id)
ORDER BY bot_slug, sha256, kind
ON CONFLICT (bot_slug, sha256, kind) DO UPDATE SET status = 'ready', file_id = EXCLUDED.file_id,
  file_unique_id = EXCLUDED.file_unique_id, warmup_chat_id = EXCLUDED.warmup_chat_id,
  warmup_message_id = EXCLUDED.warmup_message_id, warmup_at = EXCLUDED.warmup_at, last_error = NULL, updated_at = now()`;

// A late failure must not turn a row that is ready back into an error.
const SAVE_ERROR = `
INSERT INTO media_cache AS c (bot_slug, sha256, kind, status, last_error)
SELECT bot_slug, sha256, kind, 'error', last_error
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS i(bot_slug, sha256, kind, last_error)
ORDER BY bot_slug, sha256, kind
ON CONFLICT (bot_slug, sha256, kind) DO UPDATE SET status = 'error', last_error = EXCLUDED.last_error, updated_at = now()
WHERE c.status <> 'ready'`;

// to_jsonb: media_store of an older app may lack the optional columns, and naming an absent one would be an error.
const SOURCE = `s.r2_key, to_jsonb(s) ->> 'content_type' AS content_type,
  to_jsonb(s) ->> 'file_name' AS file_name, to_jsonb(s) ->> 'bytes' AS bytes`;

const RECOVER = `
SELECT c.bot_slug, c.sha256, c.kind, ${SOURCE}
FROM media_cache c LEFT JOIN media_store s ON s.bot_slug = c.bot_slug AND s.sha256 = c.sha256
WHERE c.status = 'warming' AND NOT EXISTS (
  SELECT 1 FROM unnest($2::text[], $3::text[], $4::text[]) AS k(bot_slug, sha256, kind)
  WHERE k.bot_slug = c.bot_slug AND k.sha256 = c.sha256 AND k.kind = c.kind)
ORDER BY c.created_at, c.bot_slug, c.sha256, c.kind LIMIT $1`;

// By its file_id, so that a row which has been warmed again in the meantime is left alone.
const INVALIDATE = `
WITH stale AS (
  UPDATE media_cache SET status = 'warming', file_id = NULL, file_unique_id = NULL, last_error = NULL, updated_at = now()
  WHERE file_id = $1 RETURNING bot_slug, sha256, kind
)
SELECT c.bot_slug, c.sha256, c.kind, ${SOURCE}
FROM stale c LEFT JOIN media_store s ON s.bot_slug = c.bot_slug AND s.sha256 = c.sha256`;

/**
 * Writes results to, and reads unfinished work from, the table `media_cache` of the app. Every method is one
 * parameterised statement for a whole batch and throws ERR_WARMPATH_DATABASE.
 */
class MediaCache {
  #pool;

  /** @param {{ query(text: string, params: unknown[]): Promise<{ rows: object[] }> }} pool for example a pg.Pool */
  constructor(pool) {
    this.#pool = pool;
  }

  async #query(what, text, params) {
    try {
      return (await this.#pool.query(text, params)).rows ?? [];
    } catch (err) {
      throw databaseError(what, err);
    }
  }

  /**
   * Makes sure each job has a row: the durable copy of "this is to be warmed". A ready row is left alone.
   *
   * @returns {Promise<Set<string>>} the identities that have a result already
   */
  async markWarming(jobs) {
    const rows = await this.#query('marking media as warming', MARK_WARMING, columns(jobs));
    return new Set(rows.map((row) => identity(fromRow(row))));
  }

  /**
   * A file_id goes into the row of the kind it has: where that is not the job's (a document by policy), the job's own row
   * says so as its error.
   *
   * @param {{ job: object, value: object }[]} records
   */
  async saveReady(records) {
    const last = lastByIdentity(
      records.map(({ job, value }) => ({ job: { ...job, kind: value.kind ?? job.kind }, value })),
    );
    const params = columns(last.map(({ job }) => job));
    params.push(
      last.map(({ value }) => value.fileId),
      last.map(({ value }) => value.fileUniqueId ?? null),
      // '@name' is a valid chat to send to, but not a bigint.
      last.map(({ value }) => (/^-?\d+$/.test(value.chatId) ? String(value.chatId) : null)),
      last.map(({ value }) => (value.messageId === undefined ? null : String(value.messageId))),
    );
    await this.#query('recording sent media', SAVE_READY, params);
    const others = records.filter(({ job, value }) => (value.kind ?? job.kind) !== job.kind);
    if (others.length === 0) return;
    await this.saveError(others.map(({ job, value }) => ({ job, error: otherKind(job, value) })));
  }

  /** @param {{ job: object, error: { code: string, message: string } }[]} records */
  async saveError(records) {
    const last = lastByIdentity(records);
    const params = columns(last.map(({ job }) => job));
    params.push(last.map(({ error }) => plain(`${error.code}: ${error.message}`, 500)));
    await this.#query('recording failed media', SAVE_ERROR, params);
  }

  /**
   * Rows that are `warming` and not in `known`, oldest first, as jobs. A row that cannot become a job (no media_store
   * row, a kind or sha256 that is none) is written to `error` with the reason, because it would be met again for ever.
   *
   * @param {{ limit: number, known?: object[], skip?: (job: object) => boolean }} options skip: asked after the query, for
   *   what became known meanwhile
   * @returns {Promise<{ jobs: object[], refused: number, more: boolean }>} more: there may be further rows
   */
  async recover({ limit, known = [], skip = () => false }) {
    const rows = await this.#query('reading unfinished media', RECOVER, [limit, ...columns(known)]);
    const { jobs, refused } = await this.#toJobs(rows, skip);
    return { jobs, refused, more: rows.length === limit };
  }

  /**
   * Takes a file_id out of its row, which is `warming` again.
   *
   * @returns {Promise<object[]>} its jobs; none where no row has it, or it has no source
   */
  async invalidate(fileId) {
    const rows = await this.#query('invalidating a file_id', INVALIDATE, [plain(fileId, 1024)]);
    return (await this.#toJobs(rows)).jobs;
  }

  async #toJobs(rows, skip = () => false) {
    const jobs = [];
    const refused = [];
    for (const row of rows) {
      const job = fromRow(row);
      if (skip(job)) continue;
      if (row.r2_key === null) {
        const error = { code: 'ERR_WARMPATH_SOURCE_NOT_FOUND', message: 'media_store has no row for this media' };
        refused.push({ job, error });
        continue;
      }
      try {
        jobs.push(checkWorkerJob({ ...job, r2Key: row.r2_key, ...optional(row) }));
      } catch (error) {
        refused.push({ job, error });
      }
    }
    if (refused.length > 0) await this.saveError(refused);
    return { jobs, refused: refused.length };
  }
}

function otherKind(job, value) {
  return { code: 'ERR_WARMPATH_TELEGRAM_KIND', message: `recorded as ${value.kind}: ${job.kind} was not possible` };
}

function fromRow(row) {
  return { botSlug: row.bot_slug, sha256: row.sha256, kind: row.kind };
}

function columns(jobs) {
  return [jobs.map((job) => job.botSlug), jobs.map((job) => job.sha256), jobs.map((job) => job.kind)];
}

/** ON CONFLICT may touch a row once per statement; two jobs with keys of their own can share a row. */
function lastByIdentity(records) {
  return [...new Map(records.map((record) => [identity(record.job), record])).values()];
}

/** Hints from media_store: a bad one is left out, it is no reason to refuse the job. */
function optional(row) {
  const size = /^\d{1,15}$/.test(row.bytes ?? '') ? Number(row.bytes) : null;
  const hints = { fileName: row.file_name, contentType: row.content_type, size };
  return Object.fromEntries(
    Object.entries(hints).filter(([name, value]) => value !== null && fieldsFit({ [name]: value })),
  );
}

module.exports = { MediaCache, identity };
