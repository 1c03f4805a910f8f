'use strict';

/**
 * Keeps the process alive while somebody awaits a result. The native side is deliberately weak (an idle executor must
 * not stop a process from ending), so a pending promise needs a timer of its own to be waited for.
 */
class KeepAlive {
  #holders = 0;
  #timer = null;

  /** @returns {() => void} releases the hold; further calls do nothing */
  hold() {
    this.#holders++;
    this.#timer ??= setInterval(() => {}, 2 ** 30);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holders > 0) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }
}

module.exports = { KeepAlive };
