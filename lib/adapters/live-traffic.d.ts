/** A `PrewarmExecutor`, or anything else that takes reports of live traffic. */
export interface TakesReports {
  /** A message was sent, or refused with a 429. */
  report(live: { token: string; chatId?: number | string; retryAfterMs?: number }): unknown;
}
