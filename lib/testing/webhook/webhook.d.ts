import type { SandboxClock } from '../clock';
import type {
  AnswerThenCloseFault,
  CutFault,
  DelayFault,
  FaultBook,
  FaultSchedule,
  GzipBombFault,
  MixName,
  ResetFault,
  StallBeforeHeadFault,
  StatusFault,
  TrickleFault,
  TruncateFault,
} from '../faults/faults';
import type { TlsFiles } from '../index';
import type { Sandbox } from '../sandbox';

/** Which requests of a receiver: `key` is the idempotency key. */
export interface WebhookMatch {
  /** As in HTTP. */
  method?: string;
  /** The idempotency key. */
  key?: string;
}

/**
 * The answers a sender has to live with, by name. Those named `…-after-accept`, and `conflict` (409), come when the delivery took
 * effect; `timeout` never comes; all others say truly that nothing happened.
 */
export type WebhookFaultName =
  | 'internal'
  | 'internal-html'
  | 'unavailable'
  | 'rate-limited'
  | 'bad-request'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'request-timeout'
  | 'gone'
  | 'too-large'
  | 'unprocessable'
  | 'redirect'
  | 'error-after-accept'
  | 'gateway-timeout-after-accept'
  | 'timeout-after-accept'
  | 'reset-after-accept'
  | 'conflict'
  | 'conflict-without-accept'
  | 'timeout'
  | 'reset-before-body'
  | 'reset-after-body'
  | 'slow'
  | 'trickle'
  | 'empty'
  | 'truncated'
  | 'gzip-bomb';

/** A fault by its name. */
export interface NamedWebhookFault {
  /** Which one; see the list. */
  name: WebhookFaultName;
  /** Seconds, of `rate-limited` and `unavailable`; default 1. */
  retryAfter?: number;
  /** Of `slow`, default 1000. */
  ms?: number;
}

export type WebhookFault = FaultSchedule<WebhookMatch> &
  (
    | NamedWebhookFault
    | StatusFault
    | { kind: 'emptyBody' }
    | ResetFault
    | GzipBombFault
    | StallBeforeHeadFault
    | CutFault
    | TrickleFault
    | TruncateFault
    | AnswerThenCloseFault
    | DelayFault
  );

export interface WebhookSandboxOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Serves HTTPS with it. Default: plain HTTP. */
  tls?: TlsFiles;
  /** Then every request must be signed with it, as [Standard Webhooks](https://www.standardwebhooks.com) says; else 401. */
  secret?: string;
  /** Then every request must have exactly this `authorization`. */
  authorization?: string;
  /** How old, or early, `webhook-timestamp` may be, ms. Default 300,000. */
  toleranceMs?: number;
  /** What a delivery that was accepted before is answered: 200, or 409. Default `ok`. */
  onDuplicate?: 'ok' | 'conflict';
  /** How long an acceptance takes, ms. Default 0. */
  latencyMs?: number;
  /** The text of a delivery, for the record. Default `body.text`. */
  textOf?: (body: Record<string, unknown>) => string | undefined;
  /** Keep texts and bodies. Default true. */
  keepTexts?: boolean;
  /** Above: 413. Default 1 MiB. */
  maxBodyBytes?: number;
  /** Of every deliberate wait; signatures go by the real time. */
  clock?: SandboxClock | (() => number);
  /** Newest entries kept in `requests`. Default 20,000. */
  journalLimit?: number;
}

/** What came under one idempotency key. */
export interface WebhookDelivery {
  /** Its idempotency key. */
  key: string;
  /** Of the first body, lower-case hex. */
  sha256: string;
  /** Of the first body; absent: it had none, or `keepTexts` is false. */
  text?: string;
  /** The first body; absent with `keepTexts: false`. */
  body?: unknown;
  /** When it came, every time, ms since 1970: one more than its duplicates. */
  times: number[];
  /** When it took effect, or null: it never did more than once. */
  acceptedAt: number | null;
}

/** What no sender may do: the same key with another body (422), no key at all (400). */
export interface WebhookViolation {
  kind: 'other-body' | 'no-key';
  /** The idempotency key; null: there was none. */
  key: string | null;
  /** When, ms since 1970. */
  at: number;
}

export interface WebhookRequest {
  /** Order of arrival. */
  seq: number;
  /** When it began, ms since 1970. */
  at: number;
  /** From head to end of the answer; absent while it runs. */
  ms?: number;
  /** As it came. */
  httpMethod: string;
  /** Without its query. */
  path: string;
  /** The idempotency key; null: there was none. */
  key: string | null;
  /** Bytes of the request body. */
  bytes: number;
  /** This very request took effect. */
  accepted: boolean;
  /** It arrived, and its key had taken effect before. */
  duplicate: boolean;
  /** Null where nobody was there any more to get an answer. */
  status: number | null;
  /** Why it was refused; null: it was not. */
  error: string | null;
  /** Those that were due on it. */
  faults: string[];
}

/**
 * A receiver of webhooks with idempotency keys (`idempotency-key`, else `webhook-id`), at every path. It accepts each key once, and
 * keeps a record that tells whether a sender lost, repeated or changed anything.
 *
 * Control for other processes, JSON: `GET /__sandbox/deliveries`, `GET /__sandbox/violations`, `GET|DELETE /__sandbox/requests`,
 * `GET|POST|DELETE /__sandbox/faults[/ID]`, `GET|POST /__sandbox/mixes`, `POST /__sandbox/reset`.
 *
 * @example
 * const hook = await WebhookSandbox.start({ secret: 'whsec_c2VjcmV0IHNlY3JldA==' });
 * const fault = hook.faults.add({ name: 'timeout-after-accept', nth: 2 });
 * // … the code under test sends to hook.url …
 * assert.deepEqual(hook.violations, []);
 * assert.ok(hook.deliveries.every(({ acceptedAt }) => acceptedAt !== null));
 */
export class WebhookSandbox implements Sandbox {
  private constructor();
  /** @throws `ERR_WARMPATH_INVALID_OPTION` */
  static start(options?: WebhookSandboxOptions): Promise<WebhookSandbox>;
  readonly url: string;
  /** Where it listens. */
  readonly port: number;
  readonly connections: number;
  /** By key, in the order they first came; a copy. */
  readonly deliveries: WebhookDelivery[];
  /** What senders did that no sender may. */
  readonly violations: WebhookViolation[];
  /** All requests, oldest first. */
  readonly requests: WebhookRequest[];
  /** Faults by schedule. */
  readonly faults: FaultBook<WebhookFault, WebhookMatch>;
  /** What came under this key. */
  delivery(key: string): WebhookDelivery | undefined;
  reset(): void;
  close(): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A mix a sender can survive, for `faults.mix` of WebhookSandbox: 3 % 429, 3 % 5xx, 3 % resets, 1 % silence, 2 % an error and 2 % a
 * reset after acceptance, 1 % 409.
 */
export function mixWebhook(seed: number): { seed: number; percent: Partial<Record<MixName, number>> };
