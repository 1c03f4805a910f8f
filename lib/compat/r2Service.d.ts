/// <reference types="node" />

/**
 * Drop-in for an app's own `r2Service` module: signing, and whole objects in and out of one bucket.
 *
 * @packageDocumentation
 */

import type { HttpOptions, S3Options, TimeoutOptions } from '../../index.js';

/** Values by name, in any case. */
export type R2Headers = Readonly<Record<string, string | number | readonly (string | number)[] | undefined>>;

/** A stream is not hashed: it is signed as `UNSIGNED-PAYLOAD`. */
export type R2Payload =
  | string
  | Uint8Array
  | NodeJS.ReadableStream
  | AsyncIterable<unknown>
  | { getReader(...args: never[]): unknown }
  | null
  | undefined;

export interface R2SignConfig {
  /** Of the R2 API token. */
  accessKeyId: string;
  /** Of the R2 API token. */
  secretAccessKey: string;
  /** Token of temporary credentials. Default: none. */
  sessionToken?: string | undefined;
  /** Default `auto`, the region of R2. */
  region?: string | undefined;
  /** Default `s3`. */
  service?: string | undefined;
  /** Gives the host where `headers` have none. */
  endpoint?: string | undefined;
}

/** The given headers as they were, and what signing adds. */
export type R2SignedHeaders<Given = unknown> = Omit<
  Given,
  'authorization' | 'Authorization' | 'x-amz-date' | 'x-amz-content-sha256' | 'x-amz-security-token'
> & {
  /** The signature. */
  Authorization: string;
  /** When it was signed. */
  'x-amz-date': string;
  /** The hash of the body, or that it is not signed. */
  'x-amz-content-sha256': string;
  /** With a session token. */
  'x-amz-security-token'?: string;
  /** Where none was given. */
  host?: string;
};

/**
 * Headers to send: the given ones, with `x-amz-date`, `x-amz-content-sha256` and `Authorization` beside them (and `host`
 * where none was given).
 *
 * @param method an HTTP method
 * @param path raw or escaped, with or without a query
 * @param headers must hold a host unless `config.endpoint` is set; a given `x-amz-content-sha256` is taken for the body's hash
 * @param payload what is sent; nothing = an empty body
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`, `ERR_WARMPATH_INVALID_OPTION`, `ERR_WARMPATH_NATIVE_LOAD`
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * @see https://developers.cloudflare.com/r2/api/s3/api/
 */
export function signRequest<Given extends R2Headers>(
  method: string,
  path: string,
  headers: Given | null | undefined,
  payload: R2Payload,
  config: R2SignConfig,
): R2SignedHeaders<Given>;

/**
 * The derived SigV4 key, cached per secret, day, region and service.
 *
 * @param dateStamp yyyymmdd
 * @returns a copy: changing it does not spoil the cache
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function getSigningKey(secretAccessKey: string, dateStamp: string, region: string, service: string): Buffer;

export interface R2Config {
  /** Default: `R2_ENDPOINT` or `R2_ACCOUNT_ID`, `R2_ACCESS_KEY_ID`, `R2_SECRET_ACCESS_KEY`, `R2_BUCKET`. */
  s3?: S3Options | undefined;
  /** Deadlines. Default: see {@link TimeoutOptions}. */
  timeouts?: TimeoutOptions | undefined;
  /** Certificates and a proxy. Default: those of the system, and none. */
  http?: HttpOptions | undefined;
}

/**
 * Sets where the bucket is; each call replaces the settings of the one before. Without it the environment is read at first
 * use.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option
 */
export function configure(options?: R2Config): void;

/**
 * Reads a whole object into memory. For large ones use the prewarm worker, which streams.
 *
 * Rejects with `ERR_WARMPATH_SOURCE_NOT_FOUND`, `ERR_WARMPATH_DOWNLOAD_FAILED`, `ERR_WARMPATH_DOWNLOAD_TIMEOUT`,
 * `ERR_WARMPATH_SOURCE_CHANGED`, `ERR_WARMPATH_S3_THROTTLED`, `ERR_WARMPATH_S3_PROTOCOL`, `ERR_WARMPATH_S3_REJECTED`,
 * `ERR_WARMPATH_S3_SIGNATURE`, `ERR_WARMPATH_S3_ACCESS`, `ERR_WARMPATH_TLS`; `ERR_WARMPATH_INVALID_ARGUMENT`,
 * `ERR_WARMPATH_INVALID_OPTION` naming the variable, `ERR_WARMPATH_NATIVE_LOAD`.
 *
 * @param r2_key 1 to 1024 characters
 */
export function downloadMedia(r2_key: string): Promise<Buffer>;

export interface R2Uploaded {
  ok: true;
  /** As it was given. */
  key: string;
  /** The version in the store. */
  etag: string;
  /** Bytes written. */
  size: number;
}

/**
 * Writes an object.
 *
 * Rejects with `ERR_WARMPATH_S3_UNAVAILABLE`, `ERR_WARMPATH_S3_THROTTLED`, `ERR_WARMPATH_S3_REJECTED`,
 * `ERR_WARMPATH_S3_PROTOCOL`, `ERR_WARMPATH_S3_SIGNATURE`, `ERR_WARMPATH_S3_ACCESS`, `ERR_WARMPATH_TLS`;
 * `ERR_WARMPATH_INVALID_ARGUMENT`, `ERR_WARMPATH_INVALID_OPTION` naming the variable, `ERR_WARMPATH_NATIVE_LOAD`.
 *
 * @param r2_key 1 to 1024 characters
 * @param contentType at most 255 characters. Default: none is sent
 */
export function uploadMedia(r2_key: string, buffer: Uint8Array, contentType?: string): Promise<R2Uploaded>;
