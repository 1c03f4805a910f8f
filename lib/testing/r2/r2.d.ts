import type {
  AnswerThenCloseFault,
  ChangeEtagFault,
  CutFault,
  DelayFault,
  FaultBook,
  FaultSchedule,
  GzipBombFault,
  ResetFault,
  StallBeforeHeadFault,
  StatusFault,
  TrickleFault,
  TruncateFault,
} from '../faults/faults';
import type { TlsFiles } from '../index';
import type { Sandbox } from '../sandbox';

/** The operations of R2Sandbox, by their names in the S3 API. */
export type R2Operation =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'DeleteBucket'
  | 'HeadBucket'
  | 'GetBucketLocation'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'DeleteObjects'
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'CopyObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'ListParts'
  | 'ListMultipartUploads'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload';

/** Which requests of R2: `method` as in HTTP, `keyPattern` is tested against the decoded key (text: a RegExp source). */
export interface R2Match {
  /** As in HTTP. */
  method?: string;
  /** By its name in S3. */
  operation?: R2Operation;
  /** By its name. */
  bucket?: string;
  /** Tested against the decoded key; text: a RegExp source. */
  keyPattern?: RegExp | string;
}

export type R2Fault = FaultSchedule<R2Match> &
  (
    | StatusFault
    | StallBeforeHeadFault
    | CutFault
    | TrickleFault
    | TruncateFault
    | { kind: 'emptyBody' }
    | ResetFault
    | GzipBombFault
    | AnswerThenCloseFault
    | DelayFault
    | ChangeEtagFault
  );

export interface Credentials {
  /** What requests name. */
  accessKeyId: string;
  /** What they are signed with. */
  secretAccessKey: string;
  /** When set, requests must carry it. */
  sessionToken?: string;
}

export interface R2SandboxOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Buckets that exist at start. Default `['media']`. */
  buckets?: string[];
  /** Default: one made-up pair, see {@link R2Sandbox.credentials}. */
  credentials?: Credentials[];
  /** Serves HTTPS with it. Default: plain HTTP. */
  tls?: TlsFiles;
  /** Region the credential scope must name. Default `auto`, which takes `us-east-1` too, as R2 does. */
  region?: string;
  /** `memory` (default) or a folder; the folder's objects are removed on close. */
  storage?: string;
  /** Wall clock, ms since 1970, for the checks of request dates. Default `Date.now`. */
  now?: () => number;
  /**
   * Smallest size of every part of a multipart upload but the last. Default 5 MiB, as on R2; tests may set it to 1 to upload
   * small parts. That all but the last must be equal stays.
   */
  minPartBytes?: number;
  /**
   * Bodies in signed or unsigned chunks (`x-amz-content-sha256: STREAMING-…`). `refuse` (default): 501 NotImplemented, as R2 was
   * seen to answer. `accept`: decoded, with every chunk signature and trailing checksum verified.
   */
  streamingSignatures?: 'refuse' | 'accept';
  /** A request to host `BUCKET.domain` is virtual-hosted style, to any other host path style. Default `localhost`. */
  domain?: string;
  /** Newest entries kept in `requests`. Default 20,000. */
  journalLimit?: number;
}

/** One request as R2Sandbox saw it. */
export interface R2Request {
  /** Order of arrival. */
  seq: number;
  /** ms since 1970. */
  at: number;
  /** From head to end of the answer; absent while it runs. */
  ms?: number;
  /** As in HTTP. */
  method: string;
  /** null where the request is for nothing that the sandbox has. */
  operation: R2Operation | null;
  /** As it came. */
  bucket: string;
  /** Decoded. */
  key: string;
  /** The header, or null. */
  range: string | null;
  /** The header, or null. */
  ifMatch: string | null;
  /** How it was signed; null when the signature was not accepted. */
  auth: 'header' | 'presign' | null;
  /** Who signed; null where nobody did. */
  accessKeyId: string | null;
  /** null while it runs, or when the client was gone before the answer. */
  status: number | null;
  /** S3 error code of a refusal. */
  code: string | null;
  /** Body bytes of the answer as intended, faults aside. */
  bytes: number;
  /** Kinds of the faults that were due on it. */
  faults: string[];
}

/**
 * An S3 server in the dialect of Cloudflare R2, path style and virtual-hosted style: objects with ranges and conditions,
 * copies, multipart uploads, listings, batch deletes, buckets. See {@link R2Operation}; anything else is a 501 or 405.
 *
 * The signature of every request, in the header or presigned, is checked with `@smithy/signature-v4`, every body against
 * its signed SHA-256, Content-MD5 and x-amz-checksum-* (CRC32, CRC32C, CRC64NVME, SHA1, SHA256), and refusals carry the codes
 * and statuses of R2 and S3. Multipart uploads follow R2's own rules (equal part sizes). Not there: chunk-signed bodies
 * unless {@link R2SandboxOptions.streamingSignatures} says so, versions, tags, ACLs, encryption keys, CORS, lifecycles.
 *
 * Control for other processes, JSON: `GET|DELETE /__sandbox/requests`, `GET|POST|DELETE /__sandbox/faults[/ID]`,
 * `POST /__sandbox/reset`, `PUT /__sandbox/objects/BUCKET/KEY` (unsigned).
 *
 * @example
 * const r2 = await R2Sandbox.start();
 * await r2.put('media', 'cat.jpg', bytes, { contentType: 'image/jpeg' });
 * const fault = r2.faults.add({ kind: 'cutAfterBytes', bytes: 1000, match: { keyPattern: /cat/ } });
 * // … the code under test reads from r2.url with r2.credentials[0] …
 * assert.equal(fault.bites, 1);
 * await r2.close();
 *
 * @see https://developers.cloudflare.com/r2/api/s3/api/
 */
export class R2Sandbox implements Sandbox {
  private constructor();
  /** @throws `ERR_WARMPATH_PEER_MISSING`, `ERR_WARMPATH_INVALID_OPTION` */
  static start(options?: R2SandboxOptions): Promise<R2Sandbox>;
  readonly url: string;
  /** Where it listens. */
  readonly port: number;
  readonly connections: number;
  /** Those that are accepted. */
  readonly credentials: Credentials[];
  /** All requests, refused ones too, oldest first. */
  readonly requests: R2Request[];
  /** Faults by schedule. */
  readonly faults: FaultBook<R2Fault, R2Match>;
  /** Stores an object without HTTP; the bucket is made if absent. */
  put(
    bucket: string,
    key: string | Buffer,
    bytes: Uint8Array,
    properties?: { contentType?: string },
  ): Promise<{ etag: string }>;
  /** The bytes of an object, or null. */
  get(bucket: string, key: string | Buffer): Promise<Buffer | null>;
  reset(): void;
  close(): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}
