'use strict';

const { S3Refusal } = require('./errors');

const toSeconds = (ms) => Math.floor(ms / 1000) * 1000;

/** Quotes may be missing, and weak tags compare like strong ones: R2 takes both, as S3 does. */
const bare = (etag) => etag.trim().replace(/^W\//, '').replace(/^"|"$/g, '');
const etagIn = (list, etag) => list.split(',').some((one) => one.trim() === '*' || bare(one) === bare(etag));

/**
 * Evaluates the conditions of a request on an object, in the order of RFC 9110 §13.2.2.
 *
 * @param {Record<string, string | string[] | undefined>} headers
 * @param {{ etag: string, at: number } | undefined} object as it is now
 * @param {string} [prefix] of the header names: `x-amz-copy-source-` for the source of a copy
 * @returns {'holds' | 'changed' | 'unchanged'} `changed`: If-Match or If-Unmodified-Since does not hold; `unchanged`:
 *   If-None-Match or If-Modified-Since does not
 */
function evaluate(headers, object, prefix = '') {
  const header = (name) => headers[`${prefix}${name}`];
  const ifMatch = header('if-match');
  if (ifMatch !== undefined) {
    if (!object || !etagIn(ifMatch, object.etag)) return 'changed';
  } else if (object && toSeconds(object.at) > Date.parse(header('if-unmodified-since') ?? '')) {
    return 'changed';
  }
  const ifNoneMatch = header('if-none-match');
  if (ifNoneMatch !== undefined) {
    if (object && etagIn(ifNoneMatch, object.etag)) return 'unchanged';
  } else if (object && toSeconds(object.at) <= Date.parse(header('if-modified-since') ?? '')) {
    return 'unchanged';
  }
  return 'holds';
}

const failed = () =>
  new S3Refusal('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');

/** For whatever stores: either kind of failure is a 412. */
function demand(headers, object, prefix) {
  if (evaluate(headers, object, prefix) !== 'holds') throw failed();
}

module.exports = { evaluate, demand, failed, bare };
