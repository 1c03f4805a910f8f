'use strict';

// The request as the SDK's signers take and give it: never changed, always copied.

/** What a plain object becomes; a request of the SDK's own class keeps that class. */
class HttpRequest {
  /** A copy whose headers and query can be changed on their own. */
  clone() {
    return copyRequest(this, copyFields(this.headers), copyQuery(this.query));
  }
}

/** Own fields, as an object to which more can be added cheaply (a spread is slow to grow in Node 20). */
function copyFields(fields) {
  return Object.assign({}, fields);
}

function copyQuery(query) {
  const copy = copyFields(query);
  for (const name of Object.keys(copy)) if (Array.isArray(copy[name])) copy[name] = [...copy[name]];
  return copy;
}

/** @param {object} request with what it lacks filled in as the SDK's HttpRequest does */
function copyRequest(request, headers, query) {
  const prototype = Object.getPrototypeOf(request);
  const copy = prototype === Object.prototype || prototype === null ? new HttpRequest() : Object.create(prototype);
  const { protocol, path } = request;
  copy.method = request.method || 'GET';
  copy.hostname = request.hostname || 'localhost';
  copy.port = request.port;
  copy.query = query;
  copy.headers = headers;
  copy.body = request.body;
  copy.protocol = protocol ? (protocol.endsWith(':') ? protocol : `${protocol}:`) : 'https:';
  copy.path = path ? (path[0] === '/' ? path : `/${path}`) : '/';
  copy.username = request.username;
  copy.password = request.password;
  copy.fragment = request.fragment;
  return copy;
}

/** Written by the signer: a caller's own would be a second, or a wrong one. */
const GENERATED = new Set(['authorization', 'x-amz-date', 'date']);

function headersToSign(headers = {}) {
  const copy = {};
  for (const name of Object.keys(headers)) if (!GENERATED.has(name.toLowerCase())) copy[name] = headers[name];
  return copy;
}

/** A copy without the headers that the signer itself writes. */
function prepare(request) {
  return copyRequest(request, headersToSign(request.headers), copyQuery(request.query));
}

/** As prepare(); headers that a URL can carry as parameters become such. The result is plain, as the SDK's is. */
function prepareForQuery(request, { unhoistableHeaders, hoistableHeaders }) {
  const headers = headersToSign(request.headers);
  const query = copyQuery(request.query);
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase();
    if ((lower.startsWith('x-amz-') && !unhoistableHeaders?.has(lower)) || hoistableHeaders?.has(lower)) {
      query[name] = headers[name];
      delete headers[name];
    }
  }
  return { ...copyRequest(request, headers, query) };
}

module.exports = { prepare, prepareForQuery };
