'use strict';

const { FORMS } = require('../openrouter/forms');

const ALL = ['head', 'body', 'answer'];

/**
 * What each kind of fault needs and where in a request it may bite.
 *
 * `head`: the request head is in, the body unread. `body`: the request was read and its sender verified, nothing has
 * happened yet. `answer`: the request took effect and only the answer is spoilt, so the client cannot know.
 *
 * `modifier`: may bite together with another fault on the same request. `mark`: needs a place in a body, as `bytes` or as
 * `fraction` of it. `request`: can harm the request body too. `inside`: done by the method itself, not by the server.
 */
const KINDS = {
  status: { stages: ALL, normal: 'body', needs: ['status'] },
  stallBeforeHead: { stages: ALL, normal: 'body' },
  answerThenClose: { stages: ALL, normal: 'head' },
  reset: { stages: ALL, normal: 'head' },
  stallAfterBytes: { stages: ['answer'], normal: 'answer', mark: true, request: true },
  cutAfterBytes: { stages: ['answer'], normal: 'answer', mark: true, request: true },
  trickle: { stages: ['answer'], normal: 'answer', needs: ['bytesPerSecond'], request: true },
  truncate: { stages: ['answer'], normal: 'answer', mark: true },
  malformedJson: { stages: ['answer'], normal: 'answer' },
  emptyBody: { stages: ['body', 'answer'], normal: 'answer' },
  gzipBomb: { stages: ['body', 'answer'], normal: 'answer' },
  delay: { stages: ALL, normal: 'body', needs: ['ms'], modifier: true },
  changeEtag: { stages: ['body', 'answer'], normal: 'body', modifier: true },
  flood: { stages: ['body'], normal: 'body', needs: ['scope'], inside: true },
  migrate: { stages: ['body'], normal: 'body', inside: true },
  albumFlood: { stages: ['body'], normal: 'body', inside: true },
  changeKind: { stages: ['body'], normal: 'body', needs: ['as'], modifier: true, inside: true },
  uniqueId: { stages: ['body'], normal: 'body', needs: ['uniqueId'], modifier: true, inside: true },
  completion: { stages: ['body'], normal: 'body', needs: ['form'], inside: true },
  keepAlive: { stages: ['answer'], normal: 'answer', needs: ['ms'], inside: true },
};

/** What a fault may say beside its schedule, with the check of each. */
const whole = (v) => Number.isSafeInteger(v) && v >= 0;
const PARAMETERS = {
  status: whole,
  headers: (v) => v !== null && typeof v === 'object',
  body: (v) => typeof v === 'string' || (v !== null && typeof v === 'object'),
  retryAfter: whole,
  html: (v) => typeof v === 'boolean',
  bytes: whole,
  fraction: (v) => typeof v === 'number' && v >= 0 && v < 1,
  bytesPerSecond: (v) => Number.isFinite(v) && v > 0,
  ms: (v) => Number.isFinite(v) && v >= 0,
  reset: (v) => typeof v === 'boolean',
  size: (v) => whole(v) && v <= 1024 ** 3,
  scope: (v) => v === 'chat' || v === 'bot',
  to: (v) => /^-\d{1,16}$/.test(String(v)),
  delivered: whole,
  as: (v) => ['animation', 'video', 'document', 'audio', 'voice'].includes(v),
  uniqueId: (v) => v === 'missing' || v === 'weak',
  form: (v) => Object.hasOwn(FORMS, v),
  everyMs: (v) => Number.isFinite(v) && v > 0,
  hint: (v) => ['seconds', 'date', 'ms', 'body', 'reset', 'reset-seconds', 'none'].includes(v),
};

module.exports = { KINDS, PARAMETERS };
