'use strict';

const NULL_BODY = [101, 103, 204, 205, 304];

/**
 * The same response, with a body that tells when it is over and that ends when `signal` says so, whatever the fetch below
 * does about it.
 *
 * @param {Response} response
 * @param {AbortSignal} signal
 * @param {() => void} onEnd called once: read to its end, failed, or cancelled
 */
function watchBody(response, signal, onEnd) {
  const { body, status } = response;
  if (body === null || body === undefined || NULL_BODY.includes(status)) {
    onEnd();
    return response;
  }
  const reader = body.getReader();
  let over = false;
  const end = () => {
    if (over) return false;
    over = true;
    signal.removeEventListener('abort', stop);
    onEnd();
    return true;
  };
  let controller;
  const stop = () => {
    if (!end()) return;
    controller.error(signal.reason);
    reader.cancel(signal.reason).catch(() => {});
  };
  const watched = new ReadableStream(
    {
      start(given) {
        controller = given;
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
      },
      async pull() {
        try {
          const { done, value } = await reader.read();
          if (over) return;
          if (!done) {
            controller.enqueue(value);
          } else if (end()) {
            controller.close();
          }
        } catch (err) {
          // The fetch below ended its body because of the same signal: the reason is what the caller is to see.
          if (end()) controller.error(signal.aborted ? signal.reason : err);
        }
      },
      cancel(reason) {
        end();
        return reader.cancel(reason);
      },
    },
    // Nothing is read ahead of who reads.
    { highWaterMark: 0 },
  );
  const { statusText, headers, url, redirected, type } = response;
  const copy = new Response(watched, { status, statusText, headers });
  // A constructed response has none of these.
  for (const [name, value] of Object.entries({ url, redirected, type })) Object.defineProperty(copy, name, { value });
  return copy;
}

module.exports = { watchBody };
