import type { OutgoingHttpHeaders, RequestOptions } from 'node:http';

/** What a request is signed with. Left out, it is read from the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`. */
export interface Credentials {
  accessKeyId?: string | undefined;
  secretAccessKey?: string | undefined;
  sessionToken?: string | undefined;
}

/** A request of `http.request` or `https.request`, and how it is to be signed. */
export interface Request extends Omit<RequestOptions, 'headers'> {
  headers?: OutgoingHttpHeaders | Record<string, string | number | readonly string[] | undefined>;
  /** Text or bytes. For a stream give the header `X-Amz-Content-Sha256`. */
  body?: string | NodeJS.ArrayBufferView | undefined;
  /** Of the scope; else read from an AWS host's name. For R2 give `s3`. */
  service?: string | undefined;
  /** Of the scope; else read from an AWS host's name, else `us-east-1`. For R2 give `auto`. */
  region?: string | undefined;
  /** Signs by parameters of the query in place of headers. A query for S3 is good for 86400 seconds unless it holds `X-Amz-Expires`. */
  signQuery?: boolean | undefined;
  /** Adds no header but `Authorization`. */
  doNotModifyHeaders?: boolean | undefined;
  /** The path is escaped already (for services other than S3). */
  doNotEncodePath?: boolean | undefined;
  /** Lower-case names of headers that are not to be signed. */
  extraHeadersToIgnore?: Record<string, boolean> | undefined;
  /** Lower-case names of headers that are to be signed all the same, such as `range`. */
  extraHeadersToInclude?: Record<string, boolean> | undefined;
}

/** The request after signing. */
export type Signed<T> = T & { headers: Record<string, string | number>; path: string };

/**
 * Signs the request in place (`headers` becomes a copy with what the signature needs) and hands it back.
 *
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT` naming the part that cannot be signed, `ERR_WARMPATH_NATIVE_LOAD`
 */
export function sign<T extends Request>(request: T, credentials?: Credentials): Signed<T>;
export function sign(request: string, credentials?: Credentials): Signed<Request>;

/** One request being signed, with the stages of the signature as methods. */
export class RequestSigner {
  constructor(request: Request | string, credentials?: Credentials);
  readonly request: Request;
  readonly credentials: Credentials;
  service: string;
  region: string;
  isCodeCommitGit: boolean;
  sign(): Signed<Request>;
  matchHost(host: string): string[];
  isSingleRegion(): boolean;
  createHost(): string;
  prepareRequest(): void;
  getDateTime(): string;
  getDate(): string;
  authHeader(): string;
  signature(): string;
  stringToSign(): string;
  canonicalString(): string;
  filterHeaders(): void;
  canonicalHeaders(): string;
  signedHeaders(): string;
  credentialString(): string;
  defaultCredentials(): Credentials;
  parsePath(): void;
  formatPath(): string;
}
