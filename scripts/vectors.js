'use strict';

// Makes __test__/support/sigv4/vectors.jsonl from the two published Signature Version 4 test suites, each taken from the package that
// carries it. `--check` fails when the committed file is stale. Both suites are under the Apache License 2.0 (see NOTICE.md beside it).

const { execFileSync } = require('node:child_process');
const { createHash, createHmac } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const CRATE = 'aws-sigv4';
const CRATE_VERSION = '1.6.4';
const BOTOCORE_VERSION = '1.44.5';

const root = path.join(__dirname, '..');
const cache = path.join(root, '.cache', 'vectors');
const TARGET = path.join(root, '__test__', 'support', 'sigv4', 'vectors.jsonl');

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const CREDENTIAL = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET };

const read = (...parts) => fs.readFileSync(path.join(...parts), 'utf8').replaceAll('\r', '');
const readIf = (...parts) => (fs.existsSync(path.join(...parts)) ? read(...parts) : undefined);
const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });

/** The crate's source folder, as cargo unpacks it. */
function crateFolder() {
  const folder = path.join(cache, 'crate');
  fs.mkdirSync(path.join(folder, 'src'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'src', 'lib.rs'), '');
  fs.writeFileSync(
    path.join(folder, 'Cargo.toml'),
    `[package]\nname = "vectors"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\n${CRATE} = "=${CRATE_VERSION}"\n`,
  );
  run('cargo', ['fetch', '--quiet'], folder);
  const { packages } = JSON.parse(run('cargo', ['metadata', '--format-version', '1'], folder));
  return path.dirname(packages.find((one) => one.name === CRATE).manifest_path);
}

/** The source distribution's folder: the wheel carries no tests. */
function botocoreFolder() {
  const folder = path.join(cache, `botocore-${BOTOCORE_VERSION}`);
  const suite = path.join(folder, 'tests', 'unit', 'auth', 'aws4_testsuite');
  if (fs.existsSync(suite)) return suite;
  fs.mkdirSync(cache, { recursive: true });
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-binary', ':all:', '--no-deps', '--dest', cache];
  run('python3', [...pip, `botocore==${BOTOCORE_VERSION}`], cache);
  run('tar', ['xzf', `${folder}.tar.gz`], cache);
  return suite;
}

/** A raw request as `{ method, target, headers, body }`. Obsolete line folding is unfolded to a space, as RFC 9112 §5.2 has it. */
function parseRequest(text) {
  const end = text.indexOf('\n\n');
  const [start, ...lines] = (end < 0 ? text.trimEnd() : text.slice(0, end)).split('\n');
  const [method, ...rest] = start.replace(/ HTTP\/1\.1$/, '').split(' ');
  const headers = [];
  for (const line of lines) {
    if (/^[ \t]/.test(line)) headers.at(-1)[1] += ` ${line.trim()}`;
    else headers.push([line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
  }
  const body = end < 0 ? '' : text.slice(end + 2);
  return { method, target: rest.join(' '), headers, ...(body === '' ? {} : { body }) };
}

const lower = (pairs) => new Map(pairs.map(([name, value]) => [name.toLowerCase(), value.trim()]));

/** What signing added to the request: its target where that changed, and its new headers. */
function added(request, signed) {
  const before = lower(request.headers);
  const headers = [...lower(signed.headers)].filter(([name]) => !before.has(name));
  return {
    ...(signed.target === request.target ? {} : { target: signed.target }),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
  };
}

const basicDate = (iso) => iso.replace(/[-:]/g, '');

/** One folder of the Common Runtime suite: signed by headers and by query. */
function runtimeVector(suite, name) {
  const folder = path.join(suite, name);
  const context = JSON.parse(read(folder, 'context.json'));
  const request = parseRequest(read(folder, 'request.txt'));
  // The crate escaped this target and left the expectations: the signed request still has the one they belong to.
  if (name === 'get-space-normalized') {
    request.target = parseRequest(read(folder, 'header-signed-request.txt')).target;
  }
  const { token } = context.credentials;
  const vector = {
    name: `runtime/${name}`,
    credential: {
      accessKeyId: context.credentials.access_key_id,
      secretAccessKey: context.credentials.secret_access_key,
    },
    scope: { region: context.region, service: context.service },
    date: basicDate(context.timestamp),
    expiresIn: context.expiration_in_seconds,
    normalizePath: context.normalize,
    applyChecksum: context.sign_body,
    request,
  };
  // The token that is added after signing takes no part in it: the caller's business, not the signer's.
  if (token && context.omit_session_token) vector.addedLater = token;
  else if (token) vector.credential.sessionToken = token;
  for (const mode of ['header', 'query']) {
    vector[mode] = {
      canonicalRequest: read(folder, `${mode}-canonical-request.txt`).trimEnd(),
      stringToSign: read(folder, `${mode}-string-to-sign.txt`).trimEnd(),
      signature: read(folder, `${mode}-signature.txt`).trim(),
      signed: added(request, parseRequest(read(folder, `${mode}-signed-request.txt`))),
    };
  }
  return vector;
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/** The crate's own two: old format, no context. What they do not state follows from their canonical request. */
function crateVector(suite, name, [region, service]) {
  const folder = path.join(suite, name);
  const canonicalRequest = read(folder, 'header-canonical-request.txt');
  const date = /^x-amz-date:(.*)$/m.exec(canonicalRequest)[1];
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const published = readIf(folder, 'header-string-to-sign.txt')?.trimEnd();
  const stringToSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonicalRequest.trimEnd())}`;
  if (published && published !== stringToSign)
    throw new Error(`${name}: the canonical request does not belong to the string to sign`);
  const key = scope.split('/').reduce((of, part) => hmac(of, part), `AWS4${SECRET}`);
  const request = parseRequest(read(folder, 'request.txt'));
  request.headers = request.headers.filter(([header]) => header.toLowerCase() !== 'x-amz-date');
  return {
    name: `crate/${name}`,
    credential: CREDENTIAL,
    scope: { region, service },
    date,
    request,
    derived: published === undefined,
    header: {
      canonicalRequest: canonicalRequest.trimEnd(),
      stringToSign,
      signature: hmac(key, stringToSign).toString('hex'),
    },
  };
}

/** One folder of the older suite. */
function botocoreVector(suite, name) {
  const file = (ending) => read(suite, name, `${path.basename(name)}.${ending}`);
  const canonicalRequest = file('creq').trimEnd();
  const request = parseRequest(file('req'));
  const given = lower(request.headers);
  const token = /^x-amz-security-token:(.*)$/m.exec(canonicalRequest)?.[1];
  request.headers = request.headers.filter(
    ([header]) => !['x-amz-date', 'x-amz-security-token'].includes(header.toLowerCase()),
  );
  const authorization = file('authz').trim();
  return {
    name: `older/${name}`,
    credential: { ...CREDENTIAL, ...(token ? { sessionToken: token } : {}) },
    scope: { region: 'us-east-1', service: 'service' },
    date: given.get('x-amz-date'),
    request,
    header: {
      canonicalRequest,
      stringToSign: file('sts').trimEnd(),
      signature: authorization.slice(-64),
      signed: { headers: { authorization } },
    },
  };
}

function folders(of) {
  return fs
    .readdirSync(of, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.req'))
    .map((entry) => path.relative(of, entry.parentPath ?? entry.path).replaceAll(path.sep, '/'))
    .sort();
}

function build() {
  const suite = path.join(crateFolder(), 'aws-signing-test-suite', 'v4');
  const own = { 'double-encode-path': ['us-east-1', 'execute-api'], 'double-url-encode': ['us-east-2', 'lambda'] };
  const names = fs.readdirSync(suite).sort();
  const older = botocoreFolder();
  return {
    comment: 'Made by scripts/vectors.js; do not edit. Apache License 2.0: see NOTICE.md.',
    sources: { [CRATE]: CRATE_VERSION, botocore: BOTOCORE_VERSION },
    vectors: [
      ...names.filter((name) => !(name in own)).map((name) => runtimeVector(suite, name)),
      ...names.filter((name) => name in own).map((name) => crateVector(suite, name, own[name])),
      ...folders(older).map((name) => botocoreVector(older, name)),
    ],
  };
}

/** One vector a line, after a line about them all: short, and a change shows as the vectors it touches. */
function format({ vectors, ...head }) {
  return [head, ...vectors].map((line) => `${JSON.stringify(line)}\n`).join('');
}

const text = format(build());
if (!process.argv.includes('--check')) {
  fs.writeFileSync(TARGET, text);
  console.log(`${path.relative(root, TARGET)}: ${Buffer.byteLength(text)} bytes`);
} else if (fs.readFileSync(TARGET, 'utf8') !== text) {
  console.error('vectors.jsonl is stale: run `node scripts/vectors.js`');
  process.exitCode = 1;
}
