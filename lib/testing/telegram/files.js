'use strict';

const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { KINDS } = require('./kinds');
const { Spool } = require('./spool');

/** Kinds that Telegram stores as one: an id of either works for both methods. */
const INTERCHANGEABLE = new Set(['animation', 'document']);

/** The bytes that were uploaded (once per content) and the ids given out for them. */
class FileStore {
  #contents = new Map();
  #issued = new Map();
  #paths = new Map();
  #dir = null;
  #keep;
  #saveTo;
  #inMemory;

  /**
   * @param {{ keep: boolean, saveTo?: string, local: boolean }} options `saveTo`: a folder of the user for what comes in;
   *   `local`: clients are given paths, so everything must be a file
   */
  constructor({ keep, saveTo, local }) {
    this.#keep = keep;
    this.#saveTo = saveTo === undefined ? null : path.resolve(saveTo);
    this.#inMemory = this.#saveTo === null && !local;
    if (this.#saveTo) fs.mkdirSync(this.#saveTo, { recursive: true });
  }

  newSpool() {
    return new Spool(() => this.#folder(), this.#keep, this.#inMemory ? undefined : 0);
  }

  #folder() {
    if (this.#saveTo) return this.#saveTo;
    this.#dir ??= fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-telegram-'));
    return this.#dir;
  }

  /** Takes the bytes in until `release`; the same bytes again free the second copy. */
  async adopt(spool) {
    let content = this.#contents.get(spool.sha256);
    if (content) {
      content.users += 1;
      await spool.discard();
      return content;
    }
    const { sha256, size, data } = spool;
    content = { sha256, size, data, file: spool.file, users: 1 };
    if (this.#saveTo && content.file) {
      // Named by its content, so that a test finds it and the same bytes are one file.
      content.file = path.join(this.#saveTo, sha256);
      fs.renameSync(spool.file, content.file);
      spool.file = content.file;
    }
    this.#contents.set(sha256, content);
    return content;
  }

  /** Whether the bytes of an upload became a content, so that they are no longer the request's to throw away. */
  holds(spool) {
    const content = this.#contents.get(spool.sha256);
    return content !== undefined && content.file === spool.file && content.data === spool.data;
  }

  /** Gives a content back; where bytes are not kept, the last one to do so drops them and only the hash stays. */
  async release(content, keep) {
    content.users -= 1;
    if (keep || content.users > 0) return;
    this.#contents.delete(content.sha256);
    const { file } = content;
    content.data = null;
    content.file = null;
    if (file) await fs.promises.rm(file, { force: true });
  }

  /**
   * @param {{ botId: number, kind: string, content: object, label: string, upload: object }} what
   * @returns {{ file_id: string, file_unique_id: string }}
   */
  issue({ botId, kind, content, label, upload }) {
    const { prefix } = KINDS[kind];
    const fileId = `${prefix}${randomBytes(45).toString('base64url')}`;
    // From the bytes alone, so that two bots see the same; the label keeps the sizes of one photo apart.
    const unique = createHash('sha256').update(`${content.sha256}/${label}`).digest('base64url').slice(0, 11);
    const fileUniqueId = `${kind === 'photo' ? 'AQAD' : 'AgAD'}${unique}`;
    this.#issued.set(fileId, { fileId, fileUniqueId, botId, kind, label, content, upload, at: Date.now() });
    return { file_id: fileId, file_unique_id: fileUniqueId };
  }

  /** The record of an id that this bot may use, or undefined. */
  find(botId, fileId) {
    const record = this.#issued.get(fileId);
    return record?.botId === botId ? record : undefined;
  }

  /** The same, and of a kind that the method can send. */
  findFor(botId, fileId, kind) {
    const record = this.find(botId, fileId);
    const same = record?.kind === kind || (INTERCHANGEABLE.has(record?.kind) && INTERCHANGEABLE.has(kind));
    return same ? record : undefined;
  }

  lookup(fileId) {
    return this.#issued.get(fileId);
  }

  /** A download path for a file, the same one each time. */
  pathOf(record) {
    if (!record.path) {
      const extension =
        path.extname(record.upload.fileName ?? '').replace(/[^.\w]/g, '') || EXTENSIONS[record.kind] || '';
      record.path = `${KINDS[record.kind].folder}/file_${this.#paths.size}${extension}`;
      this.#paths.set(`${record.botId}/${record.path}`, record);
    }
    return record.path;
  }

  byPath(botId, filePath) {
    return this.#paths.get(`${botId}/${filePath}`);
  }

  clear() {
    this.#contents.clear();
    this.#issued.clear();
    this.#paths.clear();
    if (this.#dir) fs.rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = null;
  }
}

const EXTENSIONS = {
  photo: '.jpg',
  video: '.mp4',
  animation: '.mp4',
  voice: '.oga',
  sticker: '.webp',
  video_note: '.mp4',
};

module.exports = { FileStore };
