/** What happens to bytes going one way. At most one of the `…AfterBytes`; 0 means at the first byte. */
export interface ProxyRule {
  /** Each chunk waits this long. */
  delayMs?: number;
  /** The rate. */
  bytesPerSecond?: number;
  /** Both connections close after so many bytes passed. */
  cutAfterBytes?: number;
  /** The same by TCP reset. */
  resetAfterBytes?: number;
  /** Nothing more passes this way; both stay open. */
  stallAfterBytes?: number;
  /** The receiver sees an orderly end; the other way goes on. */
  halfCloseAfterBytes?: number;
}

export interface ProxyRules {
  /** Client to target. */
  up?: ProxyRule;
  /** Target to client. */
  down?: ProxyRule;
  /** Reset the client's connection at once. */
  refuse?: boolean;
  /** How many connections, default all. */
  times?: number;
  /** How many connections pass unharmed first. Default 0. */
  after?: number;
}

/**
 * A TCP proxy that delays, throttles, cuts, resets, stalls or half-closes. Knows no protocol, so TLS passes through it.
 *
 * @example
 * const proxy = await FaultProxy.start({ target: r2.url });
 * proxy.set({ down: { resetAfterBytes: 4096 }, times: 1 });
 * // … read from proxy.url() …
 * assert.equal(proxy.bites.reset, 1);
 */
export class FaultProxy {
  private constructor();
  /**
   * @param options `target`: `host:port` or a URL with a port
   * @throws `ERR_WARMPATH_INVALID_OPTION`
   */
  static start(options: { target: string; port?: number; host?: string }): Promise<FaultProxy>;
  /** Where it listens. */
  readonly port: number;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Connections accepted so far. */
  readonly connections: number;
  /** How often each harm was done (`delay` and `throttle` count chunks). */
  readonly bites: {
    connect: number;
    delay: number;
    throttle: number;
    cut: number;
    reset: number;
    stall: number;
    halfClose: number;
  };
  /** The proxy's address. @param scheme default `http` */
  url(scheme?: string): string;
  /** Rules for connections accepted from now on; open ones keep theirs. */
  set(rules?: ProxyRules): void;
  /** Everything passes again. */
  clear(): void;
  /** Ends the proxy and its connections. */
  close(): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}
