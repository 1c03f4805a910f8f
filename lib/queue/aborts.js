'use strict';

// One listener a signal, however many calls of this thread wait on it: EventTarget warns of more than ten as of a leak.

/** The listener of each signal that somebody waits on, and those it tells. */
const heard = new Map();

/** Calls `told` when the signal fires, unless unlisten() comes first. Throws as the signal does; nothing is kept then. */
function listen(signal, told) {
  const entry = heard.get(signal);
  if (entry !== undefined) {
    entry.all.add(told);
    return;
  }
  const all = new Set([told]);
  const onAbort = () => {
    heard.delete(signal);
    for (const call of [...all]) call();
  };
  heard.set(signal, { all, onAbort });
  try {
    signal.addEventListener('abort', onAbort, { once: true });
  } catch (err) {
    heard.delete(signal);
    throw err;
  }
}

function unlisten(signal, told) {
  const entry = heard.get(signal);
  if (!entry?.all.delete(told) || entry.all.size > 0) return;
  heard.delete(signal);
  try {
    signal.removeEventListener('abort', entry.onAbort);
  } catch {
    // One that is somebody's own may throw: whoever has an item in hand is not to lose it by that.
  }
}

module.exports = { listen, unlisten };
