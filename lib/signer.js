'use strict';

const { guard } = require('./errors.js');
const { native } = require('./native.js');
const { describe } = require('./options/check.js');
const { signerOptions, signerRequest, invalidArgument } = require('./options/signer.js');

/**
 * Signs requests with AWS Signature Version 4, synchronously. The credential lives in native memory only: nothing of it
 * can be read from this object, from `util.inspect` or from JSON.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
class SigV4Signer {
  #native;

  /** @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD */
  constructor(options) {
    const json = JSON.stringify(signerOptions(options));
    const { NativeSigner } = native();
    this.#native = guard(() => new NativeSigner(json));
  }

  /**
   * Signs by headers. `headers` of the result are all to be sent: lower-case names, host and authorization included.
   *
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, naming the field
   */
  sign(request) {
    const { json, body } = signerRequest(request);
    return JSON.parse(guard(() => this.#native.sign(json, body)));
  }

  /** A URL that carries its own signature for `expiresIn` seconds (1 to 604800, default 900). */
  presign(request) {
    const { json, body } = signerRequest(request, { presign: true });
    return guard(() => this.#native.presign(json, body));
  }

  /** One URL per request; all are checked before the first is signed. */
  presignMany(requests) {
    if (!Array.isArray(requests)) invalidArgument('requests', `must be an array, not ${describe(requests)}`);
    const checked = Array.from(requests, (request) => signerRequest(request, { presign: true }));
    return checked.map(({ json, body }) => guard(() => this.#native.presign(json, body)));
  }

  /** The stages of sign(), to be compared line by line with what a server says it computed. */
  explain(request) {
    const { json, body } = signerRequest(request);
    return JSON.parse(guard(() => this.#native.explain(json, body)));
  }
}

module.exports = { SigV4Signer };
