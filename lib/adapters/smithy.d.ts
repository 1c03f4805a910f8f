/** What requests are signed with; the SDK's `AwsCredentialIdentity`. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** A request of the SDK, or a plain object of its shape. */
export interface Request {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: unknown;
  username?: string;
  password?: string;
  fragment?: string;
}

export interface RequestSignerOptions {
  /** Or a provider, asked at every signature: the SDK's own providers cache and refresh. */
  credentials: Credentials | ((options?: Record<string, unknown>) => Promise<Credentials>);
  /** Or a provider of it. */
  region: string | (() => Promise<string>);
  /** Such as `s3`. */
  service: string;
  /** Escape the path a second time. Default: true, but false for the service `s3`. */
  uriEscapePath?: boolean;
  /** Send `x-amz-content-sha256`. Default: true. */
  applyChecksum?: boolean;
  /** Used for event stream messages only: everything else is hashed natively. */
  sha256?: unknown;
}

export interface SigningOptions {
  /** A Date, seconds since 1970, or ISO text. Default: now. */
  signingDate?: Date | string | number;
  /** Default: the signer's. */
  signingRegion?: string;
  /** Default: the signer's. */
  signingService?: string;
}

export interface RequestSigningOptions extends SigningOptions {
  /** Lower-case names that are signed even if they are never signed by default. */
  signableHeaders?: Set<string>;
  /** Lower-case names that are not signed. */
  unsignableHeaders?: Set<string>;
}

export interface PresigningOptions extends RequestSigningOptions {
  /** Seconds, at most 604800. Default: 3600. */
  expiresIn?: number;
  /** Lower-case names of `x-amz-*` headers that stay headers. */
  unhoistableHeaders?: Set<string>;
  /** Lower-case names of other headers that become parameters of the query. */
  hoistableHeaders?: Set<string>;
}

export interface EventSigningOptions extends SigningOptions {
  /** That of the event before, or of the request. */
  priorSignature: string;
  /** Default: the signer's. */
  eventStreamCredentials?: Credentials;
}

/**
 * Signs for AWS SDK v3: `new S3Client({ signerConstructor: RequestSigner })`, or wherever the SDK takes a `SignatureV4`.
 *
 * Rejections: `ERR_WARMPATH_INVALID_ARGUMENT` naming what cannot be signed, `ERR_WARMPATH_NATIVE_LOAD`, and whatever a
 * provider throws.
 */
export class RequestSigner {
  constructor(options: RequestSignerOptions);
  /** Signs a copy of the request by headers. */
  sign<T extends Request>(request: T, options?: RequestSigningOptions): Promise<T>;
  /** Signs a text: 64 hex characters. */
  sign(text: string, options?: SigningOptions & { eventStreamCredentials?: Credentials }): Promise<string>;
  /** Signs an event: 64 hex characters. */
  sign(event: { headers: Uint8Array; payload: Uint8Array }, options: EventSigningOptions): Promise<string>;
  /** Signs an event stream message; needs the package `@smithy/signature-v4`. */
  sign<M>(
    message: { message: M; priorSignature: string },
    options?: SigningOptions,
  ): Promise<{ message: M; signature: string }>;
  /** A copy of the request with its signature in the query. */
  presign<T extends Request>(request: T, options?: PresigningOptions): Promise<T>;
  /** With the session credentials of an S3 Express bucket. */
  signWithCredentials<T extends Request>(
    request: T,
    credentials: Credentials,
    options?: RequestSigningOptions,
  ): Promise<T>;
  /** With the session credentials of an S3 Express bucket. */
  presignWithCredentials<T extends Request>(
    request: T,
    credentials: Credentials,
    options?: PresigningOptions,
  ): Promise<T>;
}

/** Enough of an `S3Client` for its URLs. */
export interface Client {
  readonly config: object;
  readonly middlewareStack: object;
}

/** Enough of a command for its URL. */
export interface Command {
  readonly input: object;
  readonly middlewareStack: object;
}

/**
 * A presigned URL for a command: `getSignedUrl` of `@aws-sdk/s3-request-presigner`, with the same URL. `expiresIn` is in
 * seconds, default 900. Needs that package: the first URL for a bucket, and whatever is not known here, is its own.
 *
 * Rejections: `ERR_WARMPATH_PEER_MISSING`, `ERR_WARMPATH_INVALID_ARGUMENT`, `ERR_WARMPATH_NATIVE_LOAD`, and whatever the
 * SDK throws.
 */
export function getSignedUrl(client: Client, command: Command, options?: PresigningOptions): Promise<string>;
