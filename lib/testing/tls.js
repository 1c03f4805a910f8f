'use strict';

const { requirePeer } = require('../peer');

/**
 * Makes a throw-away certificate authority and a server certificate for `localhost`, `127.0.0.1` and `::1`.
 *
 * Node can read X.509 but not write it, so the optional peer `selfsigned` does.
 *
 * @param {{ days?: number }} [options] how long both are valid, default 2 days
 * @returns {Promise<{ ca: string, cert: string, key: string }>} PEM texts: give `ca` to the client, `{ cert, key }` to the server
 * @throws {import('../errors').WarmpathError} `ERR_WARMPATH_PEER_MISSING`
 */
async function selfSignedCa({ days = 2 } = {}) {
  const { generate } = requirePeer('selfsigned', 'selfSignedCa');
  // An hour back, so that a client whose clock is a little slow accepts it.
  const notBeforeDate = new Date(Date.now() - 3_600_000);
  const notAfterDate = new Date(Date.now() + days * 86_400_000);
  const common = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notBeforeDate, notAfterDate };
  const authority = await generate([{ name: 'commonName', value: 'warmpath test authority' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { ca: authority.cert, cert: leaf.cert, key: leaf.private };
}

module.exports = { selfSignedCa };
