'use strict';

/** A refusal as the Bot API sends it: `{ ok: false, error_code, description, parameters? }`. */
class BotApiRefusal extends Error {
  /**
   * @param {number} status HTTP status and `error_code`
   * @param {string} description
   * @param {{ retry_after?: number, migrate_to_chat_id?: number }} [parameters]
   */
  constructor(status, description, parameters) {
    super(description);
    this.name = 'BotApiRefusal';
    this.status = status;
    this.parameters = parameters;
  }

  get answer() {
    return refusal(this.status, this.message, this.parameters);
  }
}

const badRequest = (text, parameters) => new BotApiRefusal(400, `Bad Request: ${text}`, parameters);

const tooLarge = () => new BotApiRefusal(413, 'Request Entity Too Large');

const JSON_HEADERS = { 'Content-Type': 'application/json' };

function refusal(status, description, parameters) {
  const headers = { ...JSON_HEADERS };
  if (parameters?.retry_after !== undefined) headers['Retry-After'] = parameters.retry_after;
  return { status, headers, body: JSON.stringify({ ok: false, error_code: status, description, parameters }) };
}

const success = (result) => ({ status: 200, headers: JSON_HEADERS, body: JSON.stringify({ ok: true, result }) });

const DESCRIPTIONS = {
  400: 'Bad Request: injected by the sandbox',
  401: 'Unauthorized',
  403: 'Forbidden: bot was blocked by the user',
  404: 'Not Found',
  409: 'Conflict: terminated by other getUpdates request',
  413: 'Request Entity Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
};

/** The answer Telegram would give with a bare status, used by faults that name no body of their own. */
function refusalFor(status, retryAfter) {
  if (status === 429) {
    const seconds = retryAfter ?? 1;
    return refusal(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });
  }
  return refusal(status, DESCRIPTIONS[status] ?? 'Injected by the sandbox');
}

module.exports = { BotApiRefusal, badRequest, tooLarge, refusalFor, success };
