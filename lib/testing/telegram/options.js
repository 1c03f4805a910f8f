'use strict';

const { requirePeer } = require('../../peer');
const { is, readOptions } = require('../options');

const MIB = 1024 * 1024;

const SHAPE = {
  port: { ...is.port, default: 0 },
  host: { ...is.text, default: '127.0.0.1' },
  bots: { ...is.list, default: [] },
  tls: is.object,
  limits: { check: (v) => v === false || is.object.check(v), hint: 'an object, or false' },
  noticeMs: { ...is.count, default: 0 },
  local: { ...is.flag, default: false },
  maxUploadBytes: is.positive,
  maxPhotoBytes: { ...is.positive, default: 10 * MIB },
  maxUrlBytes: { ...is.positive, default: 20 * MIB },
  maxUrlPhotoBytes: { ...is.positive, default: 5 * MIB },
  maxDownloadBytes: is.positive,
  fetchCa: is.text,
  fetchTimeoutMs: { ...is.positive, default: 15_000 },
  probe: { ...is.flag, default: true },
  probeMaxBytes: { ...is.count, default: Number.MAX_SAFE_INTEGER },
  keepFiles: is.flag,
  saveTo: is.text,
  clock: { check: (v) => is.fn.check(v) || is.object.check(v), hint: 'a function or a clock' },
  journalLimit: { ...is.count, default: 20_000 },
};

/** The options of a Telegram sandbox, complete. A local server takes 40 times as much. */
function readTelegramOptions(given) {
  const options = readOptions('TelegramSandbox.start', given, SHAPE);
  options.maxUploadBytes ??= (options.local ? 2000 : 50) * MIB;
  options.maxDownloadBytes ??= options.local ? Number.MAX_SAFE_INTEGER : 20 * MIB;
  options.keepFiles ??= options.probe || options.saveTo !== undefined;
  // Here, so that a missing package stops the start and not the first upload.
  requirePeer('@fastify/busboy', 'TelegramSandbox');
  if (options.probe) requirePeer('mediainfo.js', 'TelegramSandbox');
  return options;
}

module.exports = { readTelegramOptions };
