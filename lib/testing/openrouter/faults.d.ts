import type {
  AnswerThenCloseFault,
  BadBodyFault,
  CutFault,
  DelayFault,
  FaultSchedule,
  GzipBombFault,
  MixName,
  ResetFault,
  StallBeforeHeadFault,
  StatusFault,
  TrickleFault,
  TruncateFault,
} from '../faults/faults';

/** Which requests of the chat completions API. */
export interface OpenRouterMatch {
  /** As in HTTP. */
  method?: string;
  operation?: 'chat' | 'key' | 'generation' | 'models';
  /** The first model asked for; known from stage `body` on. */
  model?: string;
  /** `json`: with a `response_format` of a schema; known from stage `body` on. */
  format?: 'text' | 'json';
}

/**
 * How a refusal says when to come back: `Retry-After` in seconds or as a date, `retry-after-ms`, `error.metadata.retry_after` in
 * the body, `X-RateLimit-Reset` as an instant in ms (also in the body, as OpenRouter has it) or in seconds, or not at all.
 */
export type RetryHint = 'seconds' | 'date' | 'ms' | 'body' | 'reset' | 'reset-seconds' | 'none';

/** What is wrong with a completion that arrives whole with status 200. The generation is charged. */
export type CompletionForm =
  | 'error-in-body'
  | 'error-in-choice'
  | 'empty-choices'
  | 'null-content'
  | 'empty-content'
  | 'short-content'
  | 'cut-off'
  | 'filtered'
  | 'refusal'
  | 'no-usage'
  | 'no-cost'
  | 'not-json'
  | 'fenced-json'
  | 'other-schema'
  | 'lost-part'
  | 'other-words'
  | 'other-order'
  | 'one-long-part';

/** The answers a client has to live with, by name; docs/testing.md lists what each does. A field given beside the name wins. */
export type OpenRouterFaultName =
  | CompletionForm
  | 'rate-limited'
  | 'rate-limited-date'
  | 'rate-limited-ms'
  | 'rate-limited-body'
  | 'rate-limited-reset'
  | 'rate-limited-reset-seconds'
  | 'rate-limited-without-time'
  | 'rate-limited-upstream'
  | 'bad-request'
  | 'context-length'
  | 'unauthorized'
  | 'insufficient-credits'
  | 'in-flight-budget'
  | 'moderation'
  | 'forbidden'
  | 'model-not-found'
  | 'request-timeout'
  | 'too-large'
  | 'internal'
  | 'bad-gateway'
  | 'bad-gateway-html'
  | 'unavailable'
  | 'unavailable-with-time'
  | 'gateway-timeout'
  | 'overloaded'
  | 'keep-alive'
  | 'keep-alive-for-ever'
  | 'stall'
  | 'stall-in-body'
  | 'slow'
  | 'trickle'
  | 'truncated'
  | 'reset-before-body'
  | 'reset-after-body'
  | 'reset-after-effect'
  | 'malformed-json'
  | 'empty'
  | 'redirect'
  | 'gzip-bomb';

/** A fault by its name. */
export interface NamedOpenRouterFault {
  /** Which fault; see the list. */
  name: OpenRouterFaultName;
  /** Seconds, of the refusals that name a time; default 1. */
  retryAfter?: number;
  /** Of `slow` and `keep-alive`, default 1000. */
  ms?: number;
  /** Of the two `keep-alive`: between two newlines, default 250. */
  everyMs?: number;
  /** The rate, where the fault has one. */
  bytesPerSecond?: number;
  /** Bytes, where the fault has a size. */
  size?: number;
}

/**
 * A fault by its name or kind. `form` is what a completion of status 200 looks like; `ms` and `everyMs` (default 250) are those of the
 * white space.
 */
export type OpenRouterFault = FaultSchedule<OpenRouterMatch> &
  (
    | NamedOpenRouterFault
    /** `hint`: how `retryAfter` is told, default `seconds`. */
    | (StatusFault & { hint?: RetryHint })
    | { kind: 'completion'; form: CompletionForm }
    /** Head and white space come at once, the completion after `ms`. */
    | { kind: 'keepAlive'; ms: number; everyMs?: number }
    | ResetFault
    | GzipBombFault
    | StallBeforeHeadFault
    | CutFault
    | TrickleFault
    | TruncateFault
    | BadBodyFault
    | AnswerThenCloseFault
    | DelayFault
  );

/**
 * A mix a client can survive, for `faults.mix` of OpenRouterSandbox: 5 % 429 with any hint, 4 % 5xx, 3 % resets, 1 % truncated, 1 %
 * hang in the body, 2 % an error in a 200, 2 % no text in a 200, 1 % malformed, 1 % keep-alive. `badSplit` may be added.
 */
export function mixLlm(seed: number): { seed: number; percent: Partial<Record<MixName, number>> };
