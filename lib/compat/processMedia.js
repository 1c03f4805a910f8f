'use strict';

const baileys = require('../adapters/baileys.js');
const { ProcessMedia, JOB_OPTIONS, NAME } = require('../adapters/bullmq/process-media.js');
const web = require('../adapters/whatsapp-web.js');
const { WarmpathError } = require('../errors.js');
const { requirePeer } = require('../peer.js');
const { shape, func, having, failWith } = require('../options/check.js');
const { ingestEnv } = require('./ingest-env.js');
const { contactOf, sessionOf } = require('./media-names.js');

// The module is the queue, as in the module that it replaces: one per process.
const state = { config: {}, media: null, closing: null };

const invalidOption = failWith('ERR_WARMPATH_INVALID_OPTION');

const ours = {
  services: shape({ saveMedia: func, captureException: func, notify: func, observe: func }),
  logger: having('info', 'warn', 'error'),
  toJob: func,
  sessionName: func,
  contact: func,
};

const oursOnly = shape(ours);

/**
 * Sets the app's services, logger and settings (those of ProcessMedia). Takes effect when the queue is used next; each call
 * replaces the settings of the one before.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION; ERR_WARMPATH_CLOSED while the queue is in use: stop() comes first
 */
function configure(options = {}) {
  if (state.media !== null) {
    throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the queue is in use: it can be configured before, or after stop()');
  }
  const named = Object.entries(options ?? {});
  const mine = oursOnly(Object.fromEntries(named.filter(([name]) => Object.hasOwn(ours, name))), '', invalidOption);
  state.config = { ...mine, settings: Object.fromEntries(named.filter(([name]) => !Object.hasOwn(ours, name))) };
  if (state.config.settings.bullmq === undefined) setImmediate(load);
}

/** BullMQ takes some hundred milliseconds to load: no message of a listener is to wait for that. */
function load() {
  try {
    requirePeer('bullmq', NAME);
  } catch {
    // Whoever uses the queue is told.
  }
}

/** One line, as existing log filters know it. A logger that throws is ignored. */
function log(level, text) {
  try {
    (state.config.logger ?? console)[level](text);
  } catch {}
}

function media() {
  if (state.media !== null) return state.media;
  const { services = {}, settings = {} } = state.config;
  const { saveMedia, captureException, notify, observe } = services;
  const options = {
    ...ingestEnv(settings),
    ...settings,
    captureException,
    observe,
    notify: (notice) => {
      told(notice);
      return notify?.(notice);
    },
  };
  if (saveMedia !== undefined) {
    options.record = async (stored) => {
      for (const one of stored) await saveMedia(one);
    };
  }
  const made = new ProcessMedia(options);
  made.on('fallback', ({ via, jobs, error }) => {
    log('warn', `[MessagesListener] Fila indisponível (${error.code}): ${jobs} mídia(s) por ${via}`);
  });
  made.on('error', (err) => log('error', `[ProcessMedia] Erro: ${err.code}: ${err.message}`));
  state.media = made;
  return made;
}

function told({ type, session = '-', file, r2Key, code, message, retryInMs }) {
  if (type === 'media:started') log('info', `[ProcessMedia] Iniciando processamento de mídia para sessão ${session}`);
  if (type === 'media:stored') {
    log('info', `[ProcessMedia] Mídia salva: ${file ?? r2Key}`);
    log('info', `[ProcessMedia] Processamento concluído para sessão ${session}`);
  }
  if (type === 'media:retry') {
    log('warn', `[ProcessMedia] Nova tentativa em ${retryInMs} ms para sessão ${session}: ${code}`);
  }
  if (type === 'media:failed') {
    log('error', `[ProcessMedia] Erro ao processar mídia para sessão ${session}: ${code}: ${message}`);
  }
}

/** The job of what a listener, or a queue of the app, has: a message with its session and contact, or a job already. */
function jobOf({ msg, session, msgContact }) {
  const { toJob, sessionName = sessionOf, contact = contactOf } = state.config;
  const name = sessionName(session);
  const about = { session: name, meta: msgContact === undefined ? {} : { contact: contact(msgContact) } };
  if (toJob !== undefined) return toJob(msg, about);
  if (msg?.source !== undefined) return { session: name, ...msg, meta: { ...about.meta, ...msg.meta } };
  return msg?.key?.remoteJid === undefined ? web.ingestJob(msg, about) : baileys.ingestJob(msg, about);
}

/**
 * Puts the media of a message into the queue; for a listener, which it never holds up and never throws at.
 *
 * @returns {Promise<{ status: string, via: string, key: string } | null>} within 250 ms, whatever Redis does; null: there is no
 *   media, or it could not be accepted (the log and captureException say why)
 */
async function processMediaAsync(msg, session, msgContact) {
  let name = '-';
  try {
    const job = jobOf({ msg, session, msgContact });
    if (job === null || job === undefined) return null;
    name = job.session ?? name;
    log('info', `[MessagesListener] Adicionando mídia à fila para sessão ${name}`);
    // Not in the listener's own turn: the first one makes the queue.
    if (state.media === null) await new Promise(setImmediate);
    const added = await media().add(job);
    log('info', `[MessagesListener] Job de mídia criado: ${added.key} para sessão ${name}`);
    return added;
  } catch (err) {
    log('error', `[MessagesListener] Erro ao adicionar mídia à fila para sessão ${name}: ${textOf(err)}`);
    refused(err, name);
    return null;
  }
}

const textOf = (err) => (err instanceof WarmpathError ? `${err.code}: ${err.message}` : (err?.name ?? 'Error'));

/** What the queue has refused it has told by itself; what did not come so far, and what is no job, is told here. */
function refused(err, session) {
  const known = ['ERR_WARMPATH_QUEUE_FULL', 'ERR_WARMPATH_DATABASE', 'ERR_WARMPATH_CLOSED'];
  if (known.includes(err?.code)) return;
  try {
    const answer = state.config.services?.captureException?.(err, { tags: { queue: NAME, session }, extra: {} });
    answer?.then?.(undefined, () => {});
  } catch {}
}

/**
 * Runs one job; for a queue of the app's own, whose jobs hold `{ msg, session, msgContact }` or a job of ProcessMedia.
 *
 * @param {object} job BullMQ's
 * @returns {Promise<object | null>} what was stored; null where the message holds no media
 * @throws {Error} what tells BullMQ what to do with the job
 */
async function handle(job, token, signal) {
  const data = job.data?.source === undefined ? jobOf(job.data ?? {}) : job.data;
  if (data === null || data === undefined) return null;
  // The job itself, but for its data: it is asked for its locks and attempts.
  const shown = Object.create(job, { data: { value: { ...data, key: data.key ?? `job:${job.id}` } } });
  return media().handle(shown, token, signal);
}

const Queue = {
  /** Starts to work in this process. @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION naming the option or the variable */
  process() {
    media().process();
  },

  /**
   * Adds a job by the name of its queue.
   *
   * @returns {Promise<{ status: string, via: string, key: string } | null>} null where the message holds no media
   * @throws {WarmpathError} of add(); ERR_WARMPATH_INVALID_ARGUMENT for another name
   */
  async add(name, data = {}) {
    if (name !== NAME) {
      throw new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', `the queue is '${NAME}'`, { option: 'name' });
    }
    const job = data.source === undefined ? jobOf(data) : data;
    return job === null || job === undefined ? null : media().add(job);
  },
};

/** Numbers of this process, and how many jobs wait. */
function getQueueStats() {
  return media().stats();
}

/** Ends the queue of this process: see ProcessMedia.close(). Afterwards it can be configured and used anew. */
async function stop(options) {
  const running = state.media;
  if (running === null) return state.closing;
  state.closing = running.close(options);
  await state.closing;
  if (state.media === running) state.media = null;
}

const key = NAME;
const options = { ...JOB_OPTIONS };

// Shorthand names only: this is what Node's lexer reads as the named exports of the ES module view.
module.exports = {
  key,
  options,
  handle,
  Queue,
  processMediaAsync,
  configure,
  getQueueStats,
  stop,
};
