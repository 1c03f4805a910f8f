'use strict';

const SWEEP_AT = 10_000;

/**
 * The spacing of requests whose files have together the very same size, as Telegram's server does it to every bot: such a
 * request waits for its place in a schedule, and is refused when that is too far ahead.
 *
 * Source: `Client::on_cmd` of tdlib/telegram-bot-api, `last_send_message_time_`.
 */
class SameSizeSpacing {
  #rule;
  #last = new Map();

  /** @param {{ aboveBytes: number, msPerByte: number, minMs: number, maxMs: number, bucketMs: number, aheadMs: number } | false} rule */
  constructor(rule) {
    this.#rule = rule;
  }

  /** Books a place: ms to wait for it, or null when the schedule is too far ahead (then nothing is booked). */
  book(botId, bytes, now) {
    const rule = this.#rule;
    if (!rule || bytes <= rule.aboveBytes) return 0;
    const key = `${botId}/${bytes}`;
    const last = this.#last.get(key) ?? Number.NEGATIVE_INFINITY;
    if (last > now + rule.aheadMs) return null;
    const step = Math.min(rule.maxMs, Math.max(rule.minMs, bytes * rule.msPerByte));
    const place = Math.max(last + step, now - rule.bucketMs);
    if (this.#last.size >= SWEEP_AT) this.#sweep(now - rule.bucketMs - rule.maxMs);
    this.#last.set(key, place);
    return Math.max(0, place - now);
  }

  #sweep(before) {
    for (const [key, last] of this.#last) if (last < before) this.#last.delete(key);
  }

  clear() {
    this.#last.clear();
  }
}

module.exports = { SameSizeSpacing };
