'use strict';

// What Postgres takes for itself in an array literal, without quotes. https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
const PLAIN = /^[A-Za-z0-9_:.+/=-]+$/;
const NULL = /^null$/i;

/**
 * A list as an array literal. pg makes one itself, at twice the cost: it looks at every element for what it might be, and quotes
 * all of them.
 *
 * @param {(string | number | boolean | Uint8Array | null | undefined)[]} values
 */
function arrayLiteral(values) {
  let text = '{';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ',';
    const value = values[i];
    if (value === null || value === undefined) text += 'NULL';
    else if (value instanceof Uint8Array) text += hex(value);
    else if (typeof value !== 'string') text += value;
    else if (PLAIN.test(value) && !NULL.test(value)) text += value;
    else text += `"${value.replace(/["\\]/g, '\\$&')}"`;
  }
  return `${text}}`;
}

/** A bytea element. https://www.postgresql.org/docs/current/datatype-binary.html */
const hex = ({ buffer, byteOffset, byteLength }) =>
  `"\\\\x${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}"`;

module.exports = { arrayLiteral };
