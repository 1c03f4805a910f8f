'use strict';

/**
 * Emits, and lets a listener's exception surface as an uncaught one without stopping the caller: a faulty listener must
 * not lose the outcomes that come after it.
 */
function emitSafely(emitter, name, ...args) {
  try {
    emitter.emit(name, ...args);
  } catch (err) {
    process.nextTick(() => {
      throw err;
    });
  }
}

/** Emits 'error' only where somebody listens: without a listener, EventEmitter would throw it into the event loop. */
function emitError(emitter, err) {
  if (emitter.listenerCount('error') > 0) emitSafely(emitter, 'error', err);
}

module.exports = { emitSafely, emitError };
