/// <reference types="node" />

/**
 * Protocol sandboxes: an R2 (S3) server, the Telegram Bot API, OpenRouter's chat completions, a receiver of webhooks, and a TCP
 * proxy that breaks connections, all on loopback and in this process. Test your own bot against them, with faults by schedule and everything received on record.
 *
 * All sizes are bytes, all times milliseconds unless a name says otherwise. The servers listen on 127.0.0.1 and their
 * control addresses (`/__sandbox/…`) have no password: do not bind them elsewhere with data that matters.
 *
 * Optional peer dependencies: `@smithy/signature-v4` (R2Sandbox), `@xmldom/xmldom` (R2Sandbox, at the first request with an
 * XML body: complete a multipart upload, delete many, create a bucket with a location; there a missing one is a 500 that
 * says so), `@fastify/busboy` (TelegramSandbox), `mediainfo.js` (TelegramSandbox unless `probe: false`), `selfsigned`
 * (selfSignedCa). A missing one throws `ERR_WARMPATH_PEER_MISSING` with the install command; a wrong option throws
 * `ERR_WARMPATH_INVALID_OPTION`.
 *
 * @packageDocumentation
 */

export * from './clock';
export * from './faults/faults';
export * from './openrouter/faults';
export * from './openrouter/openrouter';
export * from './proxy';
export * from './r2/r2';
export * from './telegram/faults';
export * from './telegram/limits/limits';
export * from './telegram/telegram';
export * from './webhook/webhook';

/** A server certificate in PEM. */
export interface TlsFiles {
  /** The private key, PEM. */
  key: string;
  /** The certificate, PEM. */
  cert: string;
}

/**
 * Makes a throw-away certificate authority and, signed by it, a server certificate for `localhost`, `127.0.0.1` and `::1`.
 *
 * @param options `days` both are valid, default 2
 * @returns PEM texts: `ca` for the client (`http: { ca }`), `{ cert, key }` for `tls` of a sandbox
 * @throws `ERR_WARMPATH_PEER_MISSING` without the package `selfsigned`
 */
export function selfSignedCa(options?: { days?: number }): Promise<TlsFiles & { ca: string }>;
