'use strict';

/** What body-parser calls its refusals. https://github.com/expressjs/body-parser#errors */
const BODY_ERRORS = {
  'entity.parse.failed': ['INVALID_JSON', 'the body is not valid JSON'],
  'entity.too.large': ['PAYLOAD_TOO_LARGE', 'the body is too large'],
  'charset.unsupported': ['UNSUPPORTED_CHARSET', 'the charset is not supported'],
  'encoding.unsupported': ['UNSUPPORTED_ENCODING', 'the content encoding is not supported'],
  'request.aborted': ['REQUEST_ABORTED', 'the request ended early'],
  'request.size.invalid': ['INVALID_LENGTH', 'the body is not as long as announced'],
};

/** A refusal that is the caller's to mend. */
class BadRequest extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * The last middleware: every failure becomes `{ ok: false, error, message }`. Texts of unknown errors stay in the log's type and code:
 * drivers put hosts, queries and values into them.
 * @param {{ error: (tag: string, fields: object) => void }} logger
 * @returns {import('express').ErrorRequestHandler}
 */
function errorHandler(logger) {
  return (error, req, res, next) => {
    if (res.headersSent) return next(error);
    const [code, message] = BODY_ERRORS[error.type] ?? [];
    if (code) return res.status(error.status ?? 400).json({ ok: false, error: code, message });
    if (error instanceof BadRequest) {
      return res.status(400).json({ ok: false, error: error.code, message: error.message });
    }
    logger.error('[HTTP][ERR]', { method: req.method, path: req.path, type: error.name, code: error.code });
    if (String(error.code).startsWith('ERR_WARMPATH_')) {
      // R2 or Telegram refused, not this app. These messages are written to be shown: no secret, no URL.
      return res.status(502).json({ ok: false, error: error.code, message: error.message });
    }
    return res.status(500).json({ ok: false, error: 'INTERNAL_ERROR', message: 'internal error' });
  };
}

module.exports = { BadRequest, errorHandler };
