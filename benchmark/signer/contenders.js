'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { createHash, createHmac } = require('node:crypto');
const { SigV4Signer } = require('../..');
const { usual, best, bestPresign } = require('./by-hand');
const { HOST, REGION, SERVICE, PAYLOAD, PATHS, URLS, credentials } = require('./request');

const MANY = 1000;

const KEYS = PATHS.map((each) => each.slice('/media/'.length));

/** Commands, less `Object`, whose presigned URLs are written without the SDK. */
const SIGNED_COMMANDS = ['Get', 'Put', 'Head', 'Delete'];

/** node:crypto in the shape that @smithy wants its hash in. */
class NodeSha256 {
  constructor(secret) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }

  update(chunk) {
    this.hash.update(chunk);
  }

  async digest() {
    return this.hash.digest();
  }
}

const root = path.join(__dirname, '..', '..');

/** Our drop-in, or null, said aloud, where this checkout has none. */
function dropIn(name, log) {
  const file = path.join(root, 'lib', 'adapters', `${name}.js`);
  const folder = path.join(root, 'lib', 'adapters', name, 'index.js');
  const found = [file, folder].find((each) => fs.existsSync(each));
  if (found === undefined) log(`SKIPPED: warmpath/${name} is not in this checkout; its rows are missing`);
  return found === undefined ? null : require(found);
}

/**
 * What is measured: `{ name, group, run(i), verify?, async?, many? }`. `run` does one of them (`many` URLs where it says so);
 * `signature(result)` reads the signature, for the check that everybody computes the same.
 */
async function contenders(log) {
  const ours = new SigV4Signer(credentials);
  const list = [];
  const add = (group, name, run, more = {}) => list.push({ group, name, run, ...more });
  const fromHeader = (text) => /Signature=([0-9a-f]{64})/.exec(text)?.[1];

  const headers = { host: HOST };
  add(
    'sign',
    'warmpath',
    (i) => ours.sign({ method: 'GET', url: URLS[i & 63], headers: { host: HOST }, payloadHash: PAYLOAD }),
    { signature: (out) => fromHeader(out.authorization) },
  );
  add('sign', 'by hand, the best', (i) => best(PATHS[i & 63], PAYLOAD), {
    signature: (out) => fromHeader(out.authorization),
  });
  for (const cached of [true, false]) {
    const sign = usual(cached);
    add('sign', `by hand, as usual, ${cached ? 'key cached' : 'no cache'}`, (i) =>
      sign('GET', PATHS[i & 63], { host: HOST, 'x-amz-content-sha256': PAYLOAD }, ''),
    );
  }

  const aws4 = require('aws4');
  const aws4Sign = (sign) => (i) =>
    sign(
      {
        service: SERVICE,
        region: REGION,
        method: 'GET',
        host: HOST,
        path: PATHS[i & 63],
        headers: { Host: HOST, 'X-Amz-Content-Sha256': PAYLOAD },
      },
      credentials,
    );
  const aws4Signature = { signature: (out) => fromHeader(out.headers.Authorization) };
  const aws4Presign = (sign) => (i) =>
    sign(
      { service: SERVICE, region: REGION, host: HOST, path: `${PATHS[i & 63]}?X-Amz-Expires=900`, signQuery: true },
      credentials,
    );
  const aws4Query = { signature: (out) => fromHeader(out.path) };
  add('sign', 'aws4', aws4Sign(aws4.sign), aws4Signature);
  const oursAws4 = dropIn('aws4', log);
  if (oursAws4 !== null) add('sign', 'warmpath/aws4', aws4Sign(oursAws4.sign), aws4Signature);

  const { SignatureV4 } = require('@smithy/signature-v4');
  const smithyRequest = (i) => ({
    method: 'GET',
    protocol: 'https:',
    hostname: HOST,
    path: PATHS[i & 63],
    query: {},
    headers: { ...headers, 'x-amz-content-sha256': PAYLOAD },
  });
  const options = { credentials, region: REGION, service: SERVICE, uriEscapePath: false, applyChecksum: true };
  const smithySignature = { async: true, signature: (out) => fromHeader(out.headers.authorization) };
  const addSmithy = (name, signer) => add('sign', name, (i) => signer.sign(smithyRequest(i)), smithySignature);
  addSmithy('@smithy, node:crypto', new SignatureV4({ ...options, sha256: NodeSha256 }));
  addSmithy(
    '@smithy, @aws-crypto/sha256-js',
    new SignatureV4({ ...options, sha256: require('@aws-crypto/sha256-js').Sha256 }),
  );
  const oursSmithy = dropIn('smithy', log);
  if (oursSmithy !== null) {
    const Signer = oursSmithy.SignatureV4 ?? oursSmithy.RequestSigner;
    addSmithy('warmpath/smithy', new Signer({ ...options, sha256: NodeSha256 }));
  }

  await addPeers(add, log, fromHeader);

  const inUrl = { signature: fromHeader };
  add('presign', 'warmpath', (i) => ours.presign({ url: URLS[i & 63] }), inUrl);
  add('presign', 'by hand, the best', (i) => bestPresign(PATHS[i & 63]), inUrl);
  add('presign', 'aws4', aws4Presign(aws4.sign), aws4Query);
  if (oursAws4 !== null) add('presign', 'warmpath/aws4', aws4Presign(oursAws4.sign), aws4Query);
  const minio = require('minio/dist/main/signing.js');
  add(
    'presign',
    'minio presignSignatureV4',
    (i) =>
      minio.presignSignatureV4(
        { method: 'GET', path: PATHS[i & 63], headers: { host: HOST }, protocol: 'https:' },
        credentials.accessKeyId,
        credentials.secretAccessKey,
        undefined,
        REGION,
        new Date(),
        900,
      ),
    inUrl,
  );
  addSdk(add, oursSmithy, log);

  const requests = Array.from({ length: MANY }, (_, i) => ({ url: `https://${HOST}${PATHS[i & 63]}${i}` }));
  const urls = requests.map(({ url }) => url);
  const keyed = new SigV4Signer({ ...credentials, endpoint: `https://${HOST}`, bucket: 'media' });
  const items = Array.from({ length: MANY }, (_, i) => ({ key: `${KEYS[i & 63]}${i}` }));
  add('presignMany', 'warmpath, URLs', () => ours.presignMany(urls), { many: MANY });
  add('presignMany', 'warmpath, requests', () => ours.presignMany(requests), { many: MANY });
  add('presignMany', 'warmpath, keys', () => keyed.presignMany(items, { expiresIn: 900 }), { many: MANY });
  return list;
}

async function addPeers(add, log, fromHeader) {
  const { AwsV4Signer } = require('aws4fetch');
  const cache = new Map();
  add(
    'sign',
    'aws4fetch (WebCrypto)',
    (i) =>
      new AwsV4Signer({
        ...credentials,
        service: SERVICE,
        region: REGION,
        method: 'GET',
        url: URLS[i & 63],
        headers: { 'x-amz-content-sha256': PAYLOAD },
        cache,
      }).sign(),
    { async: true, signature: (out) => fromHeader(out.headers.get('authorization')) },
  );
  const minio = require('minio/dist/main/signing.js');
  add(
    'sign',
    'minio signV4',
    (i) => {
      const now = new Date();
      const amzDate = now.toISOString().replace(/[:-]|\.\d{3}/g, '');
      const request = {
        method: 'GET',
        path: PATHS[i & 63],
        headers: { host: HOST, 'x-amz-date': amzDate, 'x-amz-content-sha256': PAYLOAD },
      };
      const { accessKeyId, secretAccessKey } = credentials;
      return minio.signV4ByServiceName(request, accessKeyId, secretAccessKey, REGION, now, PAYLOAD, SERVICE);
    },
    { signature: fromHeader },
  );
  let crt;
  try {
    crt = require('aws-crt');
  } catch (err) {
    log(`SKIPPED: aws-crt does not load here: ${err.message}`);
    return;
  }
  const provider = crt.auth.AwsCredentialsProvider.newStatic(credentials.accessKeyId, credentials.secretAccessKey);
  add(
    'sign',
    'aws-crt (native, async)',
    (i) =>
      crt.auth.aws_sign_request(
        new crt.http.HttpRequest('GET', PATHS[i & 63], new crt.http.HttpHeaders([['host', HOST]])),
        {
          algorithm: crt.auth.AwsSigningAlgorithm.SigV4,
          signature_type: crt.auth.AwsSignatureType.HttpRequestViaHeaders,
          provider,
          region: REGION,
          service: SERVICE,
          date: new Date(),
          use_double_uri_encode: false,
          should_normalize_uri_path: false,
          signed_body_value: PAYLOAD,
          signed_body_header: crt.auth.AwsSignedBodyHeaderType.XAmzContentSha256,
        },
      ),
    { async: true, signature: (out) => fromHeader(out.headers.get('authorization')) },
  );
}

/** getSignedUrl of the SDK, and ours in its place, for the commands that ours writes itself and one that it passes on. */
function addSdk(add, oursSmithy, log) {
  const sdk = require('@aws-sdk/client-s3');
  const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
  const client = () =>
    new sdk.S3Client({
      region: REGION,
      endpoint: `https://${HOST}`,
      forcePathStyle: true,
      credentials: { ...credentials },
    });
  const asked = typeof oursSmithy?.getSignedUrl === 'function' ? oursSmithy.getSignedUrl : null;
  if (asked === null && oursSmithy !== null) log('SKIPPED: warmpath/smithy has no getSignedUrl in this checkout');
  for (const name of [...SIGNED_COMMANDS, 'ListParts']) {
    const Command = sdk[`${name}${name === 'ListParts' ? '' : 'Object'}Command`];
    const more = name === 'ListParts' ? { UploadId: 'upload' } : {};
    const command = (i) => new Command({ Bucket: 'media', Key: KEYS[i & 63], ...more });
    const passedOn = name === 'ListParts' ? ' (passed on)' : '';
    const [theirs, own] = [client(), client()];
    const options = { expiresIn: 900 };
    add('getSignedUrl', `SDK ${name}`, (i) => getSignedUrl(theirs, command(i), options), { async: true });
    if (asked === null) continue;
    add('getSignedUrl', `warmpath/smithy ${name}${passedOn}`, (i) => asked(own, command(i), options), { async: true });
  }
}

module.exports = { contenders, MANY, SIGNED_COMMANDS };
