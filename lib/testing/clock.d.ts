/** Time as a sandbox reads it and waits by it. All in ms. */
export interface SandboxClock {
  /** The time. */
  now(): number;
  /** Calls `run` in `ms`. */
  setTimeout(run: () => void, ms: number): unknown;
  /** It need not any more. */
  clearTimeout(timer: unknown): void;
}

/**
 * A clock that stands still until it is told to go on: a day of limits passes in seconds, and in the same way each time.
 *
 * @example
 * const clock = new ManualClock();
 * const tg = await TelegramSandbox.start({ bots: [{ token: '1:x' }], clock });
 * await tg.call('sendMessage', { chat_id: 1, text: 'first' });
 * clock.advance(1000);
 * await tg.call('sendMessage', { chat_id: 1, text: 'a second later' });
 */
export class ManualClock implements SandboxClock {
  /** @param start ms, default 0 */
  constructor(start?: number);
  now(): number;
  setTimeout(run: () => void, ms?: number): object;
  clearTimeout(timer: unknown): void;
  /** How many timers wait. */
  readonly pending: number;
  /** When the next one is due, or null. */
  readonly next: number | null;
  /**
   * Goes on by `ms` and runs the timers that come due, in their order, within this call.
   * @throws `ERR_WARMPATH_INVALID_OPTION` for a negative time
   */
  advance(ms: number): void;
  /** The same, with a turn of the event loop before, after and between: what a timer sets off may set timers of its own. */
  advanceAsync(ms: number): Promise<void>;
}
