/** What both servers have. */
export interface Sandbox {
  /** `http://127.0.0.1:PORT`, or `https://…` with `tls`. */
  readonly url: string;
  /** Where it listens. */
  readonly port: number;
  /** Connections open right now. */
  readonly connections: number;
  /** Forgets everything received, stored and scheduled; bots, buckets and credentials stay. */
  reset(): void;
  /** Closes every connection, also those a fault left hanging, and removes temporary files. */
  close(): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}
