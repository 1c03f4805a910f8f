'use strict';

const { ApiRefusal } = require('./errors');

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'];

const wrong = (what) => new ApiRefusal(400, `Input validation error: ${what}`);

/** `Authorization: Bearer …`, or a refusal. */
function bearerOf(req) {
  const match = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '');
  if (!match) throw new ApiRefusal(401, 'No auth credentials found');
  return match[1];
}

const textOf = (content) => {
  if (typeof content === 'string') return content;
  if (content === null || content === undefined) return '';
  if (!Array.isArray(content)) throw wrong('content must be a text or a list of parts');
  return content.map((part) => (part?.type === 'text' ? String(part.text) : '')).join('');
};

function schemaOf(format) {
  if (format === undefined || format === null || format.type === 'text') return null;
  if (format.type === 'json_object') return { type: 'object', properties: { text: { type: 'string' } } };
  if (format.type !== 'json_schema') throw wrong('response_format.type is not known');
  const { name, schema } = format.json_schema ?? {};
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name)) throw wrong('response_format.json_schema.name');
  if (schema === null || typeof schema !== 'object') throw wrong('response_format.json_schema.schema');
  if (format.json_schema.strict === true) checkStrict(schema);
  return schema;
}

/** What strict mode asks of a schema: every object is closed, and all of its properties are required. */
function checkStrict(schema) {
  if (schema === null || typeof schema !== 'object') return;
  if (schema.type === 'object') {
    const names = Object.keys(schema.properties ?? {});
    if (schema.additionalProperties !== false) {
      throw wrong("in strict mode 'additionalProperties' must be false");
    }
    if (names.some((name) => !(schema.required ?? []).includes(name))) {
      throw wrong("in strict mode 'required' must list every property");
    }
    for (const name of names) checkStrict(schema.properties[name]);
  }
  if (schema.items !== undefined) checkStrict(schema.items);
}

/**
 * Reads and checks the body of a chat completion.
 *
 * @param {Buffer | null} bytes null: too large
 * @param {number} max the bound that it went over
 */
function readCompletion(bytes, max) {
  if (bytes === null) throw new ApiRefusal(413, `Payload too large: more than ${max} bytes`);
  let body;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw wrong('the body is not JSON');
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) throw wrong('the body must be an object');
  const models = [...new Set([body.model, ...(body.models ?? [])].filter((one) => one !== undefined))];
  if (models.length === 0) throw wrong('no models provided');
  if (!models.every((one) => typeof one === 'string' && one !== '')) throw wrong('a model must be a text');
  if (!Array.isArray(body.messages) || body.messages.length === 0) throw wrong('messages must not be empty');
  const messages = body.messages.map((message) => {
    if (!ROLES.includes(message?.role)) throw wrong(`a message needs a role: ${ROLES.join(', ')}`);
    return { role: message.role, content: textOf(message.content) };
  });
  const { max_tokens: most = body.max_completion_tokens } = body;
  if (most !== undefined && !(Number.isInteger(most) && most > 0)) throw wrong('max_tokens must be above 0');
  return {
    models,
    messages,
    schema: schemaOf(body.response_format),
    maxTokens: most ?? Number.POSITIVE_INFINITY,
    stream: body.stream === true,
    body,
  };
}

module.exports = { bearerOf, readCompletion };
