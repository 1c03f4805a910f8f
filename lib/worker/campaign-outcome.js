'use strict';

// What a campaign message comes to, in the form of an executor's outcome, where it is not the engine that says it.

const NO_TIMINGS = { queue: 0, download: 0, upload: 0, answer: 0, total: 0 };
const NOTHING_DONE = { attempts: 0, possibleDuplicates: 0, bytes: 0, timings: NO_TIMINGS };

const failed = (error, charged) => ({
  status: 'failed',
  error: { ...error, certainty: 'not-sent' },
  charged,
  ...NOTHING_DONE,
});

/** It goes back to the store as it was. */
const cancelled = (message) => failed({ code: 'ERR_WARMPATH_CANCELLED', class: 'cancelled', message }, false);

/** What a hook gave is not what the executor takes. */
const refused = ({ code, class: kind, message }) => failed({ code, class: kind, phase: 'queue', message }, true);

/** Every part was blank. */
const unsendable = () =>
  failed(
    { code: 'ERR_WARMPATH_LLM_TEXT', class: 'transient', phase: 'generate', message: 'no part is left to send' },
    true,
  );

/** Over without any work of the engine. */
const succeeded = (value) => ({ status: 'succeeded', value, charged: false, ...NOTHING_DONE });

/** What a message that was delivered is worth: its parts, and what its generation took if that was here. */
function worthOf({ parts, sent, generated }) {
  const { usage, model, provider, generationId, generationMs, splitMs, splitBy } = generated ?? {};
  const { delivered, repeated } = sent;
  const made = generated === null ? {} : { usage, model, provider, generationId, generationMs, splitMs, splitBy };
  return { parts: parts.length, delivered, repeated, ...made };
}

module.exports = { cancelled, refused, succeeded, unsendable, worthOf };
