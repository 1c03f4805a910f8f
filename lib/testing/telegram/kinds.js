'use strict';

/**
 * One row per kind of media: the method that sends it, the field of the request and of the message, the beginning of
 * its file_ids as clients know them, and the folder of its download path.
 */
const KINDS = {
  photo: { method: 'sendPhoto', field: 'photo', prefix: 'AgACAgI', folder: 'photos' },
  video: { method: 'sendVideo', field: 'video', prefix: 'BAACAgI', folder: 'videos' },
  audio: { method: 'sendAudio', field: 'audio', prefix: 'CQACAgI', folder: 'music' },
  voice: { method: 'sendVoice', field: 'voice', prefix: 'AwACAgI', folder: 'voice' },
  animation: { method: 'sendAnimation', field: 'animation', prefix: 'CgACAgI', folder: 'animations' },
  document: { method: 'sendDocument', field: 'document', prefix: 'BQACAgI', folder: 'documents' },
  sticker: { method: 'sendSticker', field: 'sticker', prefix: 'CAACAgI', folder: 'stickers' },
  video_note: { method: 'sendVideoNote', field: 'video_note', prefix: 'DQACAgI', folder: 'video_notes' },
};

const KIND_OF_METHOD = new Map(Object.entries(KINDS).map(([kind, { method }]) => [method.toLowerCase(), kind]));

module.exports = { KINDS, KIND_OF_METHOD };
