/** A `PrewarmExecutor`, or anything else that takes reports of live traffic. */
export interface TakesReports {
  report(live: { token: string; chatId?: number | string; retryAfterMs?: number }): unknown;
}
