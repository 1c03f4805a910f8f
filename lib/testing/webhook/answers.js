'use strict';

/** A receiver's answer; the contract asks for nothing but the status. */
const answerOf = (status, message) => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(status < 400 ? { ok: true, status: message } : { ok: false, error: message }),
});

/** Why a request is not taken. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  get answer() {
    return answerOf(this.status, this.message);
  }
}

module.exports = { answerOf, Refusal };
