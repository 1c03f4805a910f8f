'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { default: Ajv } = require('ajv');

const ROOT = path.join(__dirname, '..', '..');
// Its exports map names no file that is always there, so it is looked up by its place.
const TYPES = path.join(ROOT, 'node_modules', '@gramio', 'types');

/**
 * JSON Schema of one published Bot API type, made from `@gramio/types` (generated from Telegram's documentation). Made
 * once per version of the types and kept in `.cache/`, because it takes seconds.
 *
 * @param {string} type for example `TelegramMessage`
 */
function schemaOf(type) {
  const { version } = JSON.parse(fs.readFileSync(path.join(TYPES, 'package.json'), 'utf8'));
  const cached = path.join(ROOT, '.cache', `bot-api-${version}-${type}.json`);
  if (fs.existsSync(cached)) return JSON.parse(fs.readFileSync(cached, 'utf8'));
  const { createGenerator } = require('ts-json-schema-generator');
  const schema = createGenerator({
    path: path.join(TYPES, 'out', 'objects.d.ts'),
    type,
    additionalProperties: false,
    skipTypeCheck: true,
  }).createSchema(type);
  fs.mkdirSync(path.dirname(cached), { recursive: true });
  // Several test files may get here at once: each writes its own file, the last rename wins.
  const own = `${cached}.${randomUUID()}`;
  fs.writeFileSync(own, JSON.stringify(schema));
  fs.renameSync(own, cached);
  return schema;
}

/**
 * A check that throws with the reasons when a value has not exactly the shape of the type: a missing field, a wrong type
 * or a field the documentation does not know.
 *
 * @param {string} type
 * @returns {(value: unknown) => void}
 */
function shapeChecker(type) {
  const ajv = new Ajv({ strict: false, allErrors: true });
  const validate = ajv.compile(schemaOf(type));
  return (value) => {
    if (validate(value)) return;
    throw new Error(`not a ${type}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value, null, 2)}`);
  };
}

module.exports = { shapeChecker };
