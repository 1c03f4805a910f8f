'use strict';

const { RequestSigner } = require('./aws4/request-signer.js');

/**
 * Signs a request of `http.request` or `https.request` in place and hands it back, as npm `aws4` does.
 *
 * @param {object | string} request host or hostname, path, method, headers, body, service, region, signQuery, …; or a URL
 * @param {object} [credentials] accessKeyId, secretAccessKey, sessionToken; from the environment when left out
 * @returns the request that was given
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_NATIVE_LOAD
 * @see https://github.com/mhart/aws4
 */
function sign(request, credentials) {
  return new RequestSigner(request, credentials).sign();
}

module.exports = { sign, RequestSigner };
