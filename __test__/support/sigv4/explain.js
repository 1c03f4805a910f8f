'use strict';

const known = new WeakMap();

/** Whether explain() of this kind of signer takes `presign: true`, that is gives the stages of a presigned URL too. */
function explainsPresign(signer) {
  if (!known.has(signer.constructor)) {
    let answer = true;
    try {
      signer.explain({ method: 'GET', url: 'https://h.example/', date: 0, presign: true });
    } catch {
      answer = false;
    }
    known.set(signer.constructor, answer);
  }
  return known.get(signer.constructor);
}

module.exports = { explainsPresign };
