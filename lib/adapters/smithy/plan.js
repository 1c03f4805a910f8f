'use strict';

// What is known of a client: where its buckets are, and that a URL written here is the one that the SDK itself writes.

const { OPERATIONS } = require('./members.js');
const { askFor, escapeKey, writeUrl } = require('./url.js');
const { amzSeconds } = require('../text.js');

/** The middleware that the SDK itself brings. Any other may change any request, so that client is the SDK's. */
const OWN_MIDDLEWARE = new Set([
  ...[
    'loggerMiddleware',
    'validateBucketNameMiddleware',
    'regionRedirectMiddleware',
    'regionRedirectEndpointMiddleware',
  ],
  ...['serializerMiddleware', 'endpointV2Middleware', 'contentLengthMiddleware', 'addExpectContinueMiddleware'],
  ...['s3ExpressMiddleware', 's3ExpressHttpSigningMiddleware', 'getUserAgentMiddleware', 'hostHeaderMiddleware'],
  ...['recursionDetectionMiddleware', 'retryMiddleware', 'httpAuthSchemeMiddleware', 'httpSigningMiddleware'],
  ...['deserializerMiddleware', 'flexibleChecksumsMiddleware', 'flexibleChecksumsInputMiddleware', 'ssecMiddleware'],
  ...['flexibleChecksumsResponseMiddleware', 's3ExpiresMiddleware', 'throw200ExceptionsMiddleware'],
  ...['checkContentLengthHeaderMiddleware', 'bucketEndpointMiddleware'],
]);

/** Whatever changes a stack of middleware. */
const CHANGES = ['add', 'addRelativeTo', 'use', 'remove', 'removeByTag'];

const MAX_BUCKETS = 1000;
const MAX_SHAPES = 1000;

// Weak: what is known of a client goes with it.
const clients = new WeakMap();

class Client {
  /** Told apart by identity: the SDK resolves them once, when the client is made. */
  #settings;
  #commands = new Map();
  sure;

  constructor(client) {
    // A stack that cannot be watched is one that may change unseen.
    this.sure = !Object.isFrozen(client.middlewareStack) && hasOwnMiddlewareOnly(client.middlewareStack);
    this.#settings = settingsOf(client.config);
  }

  isUnchanged(client) {
    const now = client.config;
    const then = this.#settings;
    return (
      now === then.config &&
      now.region === then.region &&
      now.endpoint === then.endpoint &&
      now.endpointProvider === then.endpointProvider &&
      now.forcePathStyle === then.forcePathStyle &&
      now.bucketEndpoint === then.bucketEndpoint &&
      now.useAccelerateEndpoint === then.useAccelerateEndpoint &&
      now.useDualstackEndpoint === then.useDualstackEndpoint &&
      now.useFipsEndpoint === then.useFipsEndpoint &&
      now.useArnRegion === then.useArnRegion &&
      now.requestChecksumCalculation === then.requestChecksumCalculation &&
      now.responseChecksumValidation === then.responseChecksumValidation
    );
  }

  find(command, bucket) {
    return this.#commands.get(command.constructor)?.buckets.get(bucket);
  }

  /** Keeps a plan, and that it is right for inputs with these members. */
  keep(command, bucket, plan, shape) {
    let known = this.#commands.get(command.constructor);
    if (known === undefined) {
      known = { buckets: new Map(), shapes: new Set() };
      this.#commands.set(command.constructor, known);
    }
    const { buckets, shapes } = known;
    if (buckets.size >= MAX_BUCKETS) buckets.delete(buckets.keys().next().value);
    if (shapes.size >= MAX_SHAPES) shapes.clear();
    plan.shapes = shapes.add(shape);
    buckets.set(bucket, plan);
  }
}

/** One shape for all clients, and no copy of all that a configuration holds: reading it is a tenth of the work else. */
function settingsOf(config) {
  const { region, endpoint, endpointProvider, forcePathStyle, bucketEndpoint, useAccelerateEndpoint } = config;
  const { useDualstackEndpoint, useFipsEndpoint, useArnRegion } = config;
  const { requestChecksumCalculation, responseChecksumValidation } = config;
  return {
    ...{ config, region, endpoint, endpointProvider, forcePathStyle, bucketEndpoint, useAccelerateEndpoint },
    ...{ useDualstackEndpoint, useFipsEndpoint, useArnRegion, requestChecksumCalculation, responseChecksumValidation },
  };
}

function hasOwnMiddlewareOnly(stack) {
  // 'name (a.k.a. other) - step'
  return stack.identify().every((text) => OWN_MIDDLEWARE.has(text.split(' ')[0]));
}

/** Reading a stack takes longer than signing, so it is read once, and again only after something was done to it. */
function watch(client) {
  const stack = client.middlewareStack;
  if (Object.isFrozen(stack)) return;
  for (const name of CHANGES) {
    const change = stack[name];
    if (typeof change !== 'function') continue;
    stack[name] = (...args) => {
      clients.delete(client);
      return change.apply(stack, args);
    };
  }
}

const watched = new WeakSet();

function clientOf(client) {
  const known = clients.get(client);
  if (known?.isUnchanged(client)) return known;
  if (!watched.has(client.middlewareStack)) {
    watched.add(client.middlewareStack);
    watch(client);
  }
  const fresh = new Client(client);
  clients.set(client, fresh);
  return fresh;
}

/** Whether this very command may be answered here at all. */
function isPlainCommand(command) {
  const { input, middlewareStack } = command;
  if (typeof input !== 'object' || input === null || Object.hasOwn(command, 'resolveMiddleware')) return false;
  const { Bucket, Key } = input;
  if (typeof Bucket !== 'string' || typeof Key !== 'string' || Key === '' || !Key.isWellFormed()) return false;
  const names = middlewareStack.identify();
  return names.length === 0 || names.every((text) => OWN_MIDDLEWARE.has(text.split(' ')[0]));
}

function operationOf(command) {
  // Newer SDKs name the operation in a schema; a bundler may have renamed the class.
  const name = command.schema?.[2] ?? command.constructor.name.replace(/Command$/, '');
  return OPERATIONS.get(name);
}

/**
 * The plan that answers for this command; undefined when there is none yet, null when there can be none.
 */
function findPlan(client, command) {
  if (typeof client?.config?.credentials !== 'function' || !isPlainCommand(command)) return null;
  const known = clientOf(client);
  if (!known.sure) return null;
  return known.find(command, command.input.Bucket) ?? (operationOf(command) === undefined ? null : undefined);
}

/**
 * Makes the plan out of a URL that the SDK wrote, and keeps it only if the same URL comes out of it again, to the byte.
 */
async function learn(client, command, url, expiresIn) {
  const { input } = command;
  const mark = url.indexOf('?');
  const slash = url.indexOf('/', url.indexOf('://') + 3);
  const path = url.slice(slash, mark);
  const key = `/${escapeKey(input.Key)}`;
  if (!path.endsWith(key)) return;
  const parameters = new URLSearchParams(url.slice(mark + 1));
  const [, , region, service] = parameters.get('X-Amz-Credential')?.split('/') ?? [];
  const seconds = amzSeconds(parameters.get('X-Amz-Date') ?? '');
  if (!region || !service || Number.isNaN(seconds)) return;
  const origin = url.slice(0, slash);
  const [request, response] = [
    await client.config.requestChecksumCalculation?.(),
    await client.config.responseChecksumValidation?.(),
  ];
  const plan = {
    operation: operationOf(command),
    origin,
    host: origin.slice(origin.indexOf('://') + 3),
    base: path.slice(0, path.length - key.length + 1),
    region,
    service,
    scope: `${encodeURIComponent(`${region}/${service}`)}%2Faws4_request`,
    clientRegion: await client.config.region(),
    checksums: { request: request === 'WHEN_SUPPORTED', response: response === 'WHEN_SUPPORTED' },
    // Kept by url.js: what an input of bucket and key alone asks for, and the texts of its last URL. The secret key is not among them.
    bare: undefined,
    texts: undefined,
    shapes: undefined,
  };
  const credentials = await client.config.credentials();
  const asked = askFor(plan, input);
  if (asked === null || writeUrl(plan, asked, input.Key, credentials, seconds, expiresIn) !== url) return;
  const known = clientOf(client);
  if (known.sure) known.keep(command, input.Bucket, plan, asked.shape);
}

module.exports = { findPlan, learn };
