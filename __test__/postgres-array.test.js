'use strict';

const assert = require('node:assert/strict');
const { arrayLiteral } = require('../lib/store/postgres/array-literal.js');
const { onServers } = require('./support/pg-servers.js');

onServers(
  'array literals come back as they were',
  async ({ pool }) => {
    const odd = [
      '',
      ' ',
      'a b',
      'NULL',
      'null',
      'Null',
      '{',
      '}',
      '{}',
      ',',
      '"',
      '\\',
      '\\"',
      "'",
      '\n\t\r',
      'é',
      '💡',
      '--',
    ];
    const plain = ['a', 'bot-1', 'photo:00ff:x', 'AgAC_x-y=', '1/2+3', '-1', '9007199254740993'];
    const texts = [...odd, ...plain, null, ...odd.map((a) => `${a}x${a}`)];
    const back = async (type, values) =>
      (await pool.query(`SELECT $1::${type}[] AS list`, [arrayLiteral(values)])).rows[0].list;
    assert.deepEqual(await back('text', texts), texts);
    assert.deepEqual(await back('text', []), []);
    assert.deepEqual(await back('text', [undefined]), [null]);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    assert.deepEqual(await back('bytea', [bytes, Buffer.alloc(0), null]), [bytes, Buffer.alloc(0), null]);
    assert.deepEqual(await back('boolean', [true, false, null]), [true, false, null]);
    assert.deepEqual(await back('float8', [0, -1.5, 1e300, 5e-324, null]), [0, -1.5, 1e300, 5e-324, null]);
    assert.deepEqual(await back('int', [2 ** 31 - 1, -(2 ** 31)]), [2 ** 31 - 1, -(2 ** 31)]);
  },
  { only: 'first' },
);
