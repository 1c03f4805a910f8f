import type { SandboxClock } from '../clock';
import type { FaultBook } from '../faults/faults';
import type { TlsFiles } from '../index';
import type { Sandbox } from '../sandbox';
import type { OpenRouterFault, OpenRouterMatch } from './faults';

export interface OpenRouterKey {
  /** What requests carry as their bearer. */
  key: string;
  /** How it is called in the records. Default `sandbox`. */
  label?: string;
  /** US dollars; when they are used up: 402. Default: no end. */
  credit?: number;
}

export interface OpenRouterModel {
  /** US dollars a token. Default 0.15 and 0.6 a million. */
  promptPrice?: number;
  /** US dollars a token. */
  completionPrice?: number;
  /** Tokens; above: 400. Default 128,000. */
  contextLength?: number;
  /** Default `Sandbox`. */
  provider?: string;
  /** Default: that of the sandbox. */
  latencyMs?: number | [least: number, most: number];
  /** No provider answers: the next of `models` does, or 502. Default false. */
  down?: boolean;
}

/** What the "model" is asked. */
export interface PromptSeen {
  /** As they came. */
  messages: { role: string; content: string }[];
  /** Which one answers. */
  model: string;
  /** The JSON Schema of the answer, or null. */
  schema: object | null;
  /** 1, 2, 3 … over the life of the sandbox. */
  n: number;
  /** The request as it came. */
  body: Record<string, unknown>;
}

/** What it answers. */
export type Reply =
  | string
  | { content: string | null; finishReason?: 'stop' | 'length' | 'content_filter' }
  | undefined;

export interface OpenRouterSandboxOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Serves HTTPS with it. Default: plain HTTP. */
  tls?: TlsFiles;
  /** Without it every key will do. */
  keys?: (string | OpenRouterKey)[];
  /** Without it there is every model, at the default price. */
  models?: Record<string, OpenRouterModel>;
  /** How long a model thinks. Bounds: each request draws its own, by seed. Default 0. */
  latencyMs?: number | [least: number, most: number];
  /** After this long the head and then white space are sent while the model thinks, as OpenRouter does. Default 0: never. */
  keepAliveMs?: number;
  /**
   * The model. Nothing: the default one, which writes another text at every generation, the same ones under the same seed, and
   * answers a JSON Schema with the last user message in parts.
   */
  reply?: (prompt: PromptSeen) => Reply | Promise<Reply>;
  /** Default 1. */
  seed?: number;
  /** Of each key and model, in minutes that begin with their first request: 429 with `Retry-After` and `X-RateLimit-Reset`. */
  limits?: { requestsPerMinute?: number; tokensPerMinute?: number };
  /** Above: 413. Default 4 MiB. */
  maxBodyBytes?: number;
  /** Keep texts and prompts in `completions`. Default true. */
  keepTexts?: boolean;
  /** Time of the limits and of every deliberate wait. Default: the real one. */
  clock?: SandboxClock | (() => number);
  /** Newest entries kept in `requests` and `completions`. Default 20,000. */
  journalLimit?: number;
}

/** A completion that was made, and charged, whether or not its answer arrived. */
export interface CompletionMade {
  /** The same number as in `requests`. */
  seq: number;
  /** When it was made, ms since 1970. */
  at: number;
  /** As in the answer: `gen-…`. */
  id: string;
  /** The label of the key. */
  key: string;
  /** Which one wrote it. */
  model: string;
  /** Who made it. */
  provider: string;
  format: 'text' | 'json';
  /** Why it ended. */
  finishReason: string;
  /** Tokens that were read. */
  promptTokens: number;
  /** Tokens that were written. */
  completionTokens: number;
  /** US dollars. */
  cost: number;
  /** Before any fault. */
  text?: string | null;
  /** The prompt. */
  messages?: { role: string; content: string }[];
}

/** A request that came. */
export interface OpenRouterRequest {
  /** Order of arrival. */
  seq: number;
  /** When it began, ms since 1970. */
  at: number;
  /** Until the connection was done with it. */
  ms?: number;
  /** As it came. */
  httpMethod: string;
  operation: 'chat' | 'key' | 'generation' | 'models' | null;
  /** The label of the key, never the key. */
  key: string | null;
  /** Which one was asked for. */
  model: string | null;
  format: 'text' | 'json' | null;
  /** Bytes of the request body. */
  bytes: number;
  /** Null where nobody was there any more to get an answer. */
  status: number | null;
  /** Why it was refused; null: it was not. */
  error: string | null;
  /** Those that were due on it. */
  faults: string[];
}

/**
 * OpenRouter's chat completions: `POST /api/v1/chat/completions` (streamed too), `GET /api/v1/key`, `/generation?id=` and `/models`;
 * `/v1/…` will do. Refusals have OpenRouter's form, usage and cost are in every answer, a list of `models` is tried in order.
 *
 * Control for other processes, JSON: `GET|DELETE /__sandbox/requests`, `GET|DELETE /__sandbox/completions`, `GET /__sandbox/usage`,
 * `GET /__sandbox/limits`, `GET|POST|DELETE /__sandbox/faults[/ID]`, `GET|POST /__sandbox/mixes`, `POST /__sandbox/keys`,
 * `POST /__sandbox/models` (`{ name, … }`), `POST /__sandbox/reset`.
 *
 * @example
 * const llm = await OpenRouterSandbox.start({ latencyMs: [50, 200] });
 * const openai = new OpenAI({ baseURL: llm.baseUrl, apiKey: 'any' });
 * llm.faults.add({ name: 'rate-limited-date', retryAfter: 2, nth: 3 });
 *
 * @see https://openrouter.ai/docs/api-reference/overview
 */
export class OpenRouterSandbox implements Sandbox {
  private constructor();
  /** @throws `ERR_WARMPATH_INVALID_OPTION` */
  static start(options?: OpenRouterSandboxOptions): Promise<OpenRouterSandbox>;
  readonly url: string;
  /** `url` and `/api/v1`: what clients want as their base URL. */
  readonly baseUrl: string;
  /** Where it listens. */
  readonly port: number;
  readonly connections: number;
  /** All requests, refused ones too, oldest first. */
  readonly requests: OpenRouterRequest[];
  /** What was made and charged, oldest first. */
  readonly completions: CompletionMade[];
  /** Faults by schedule. */
  readonly faults: FaultBook<OpenRouterFault, OpenRouterMatch>;
  /** Another key from now on. */
  addKey(key: string | OpenRouterKey): void;
  /** Another model, or one as it is from now on. */
  setModel(name: string, model: OpenRouterModel): void;
  /** All that was charged. */
  usage(): { completions: number; promptTokens: number; completionTokens: number; cost: number };
  /** `refused`: over a limit; `early`: those of them that had been told the time and came before it. */
  limitStats(): { refused: number; early: number };
  reset(): void;
  close(): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}
