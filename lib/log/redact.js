'use strict';

// Nothing of this package writes a secret into a message; these are for what others write: a driver, a service of the app, the
// answer of a server that repeats what it was sent. Each pattern is linear, and tried only on text that can hold it.

/** A bot token, alone or in the path of a Bot API call: the id stays, it is no secret. */
const BOT_TOKEN = /(?<!\d)(\d{5,20}):[A-Za-z0-9_-]{25,}/g;

/** What makes a presigned URL a key to the object; of the rest of the query nothing. */
const SIGNED_QUERY = /\b(X-Amz-(?:Signature|Credential|Security-Token))=[^&\s"'<>]+/gi;

const AUTHORIZATION = /\b(Bearer|Basic|AWS4-HMAC-SHA256) +[^\s"',;]{4,}(?:, *(?:SignedHeaders|Signature)=[^\s,"']+)*/gi;

/** The password of a connection string. */
const USERINFO = /(\/\/[^/\s:@]{1,256}):[^/\s@]{1,1024}@/g;

/** Keys of OpenRouter and of those that name theirs alike. */
const API_KEY = /\b(sk-[a-z]{0,8}-?)[A-Za-z0-9_-]{16,}/g;

const RULES = [
  [':', BOT_TOKEN, '$1:[redacted]'],
  ['=', SIGNED_QUERY, '$1=[redacted]'],
  [' ', AUTHORIZATION, '$1 [redacted]'],
  ['@', USERINFO, '$1:[redacted]@'],
  ['sk-', API_KEY, '$1[redacted]'],
];

/** A text without what looks like a secret. */
function redactText(text) {
  let out = text;
  for (const [sign, pattern, replacement] of RULES) if (out.includes(sign)) out = out.replace(pattern, replacement);
  return out;
}

/** Fields whose name says that a text in them is a secret. */
const SECRET_NAME = /(authorization|cookie|password|secret|token|api_?key|secret_?access_?key)$/i;

const MOST_DEPTH = 6;

/** A plain value without secrets; what is not plain data comes as text. */
function redactValue(value, depth = 0) {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
  if (depth >= MOST_DEPTH) return '[deep]';
  if (value instanceof Error) {
    const { name, message, code } = value;
    return {
      name,
      message: redactText(String(message)),
      ...(typeof code === 'string' && { code }),
      class: value.class,
    };
  }
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const out = {};
  for (const [name, item] of Object.entries(value)) {
    const secret = typeof item === 'string' && SECRET_NAME.test(name);
    Object.defineProperty(out, name, {
      value: secret ? '[redacted]' : redactValue(item, depth + 1),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return out;
}

module.exports = { redactText, redactValue };
