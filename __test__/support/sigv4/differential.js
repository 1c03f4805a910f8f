'use strict';

// Compares a signer with the answers of others, case by case.

const { explainsPresign } = require('./explain');
const { exclusions } = require('./classes');
const { makeReference } = require('./reference');

/** Every oracle's answers to the cases it is not spared from: `[{ name, answers: Map<case, answer> }]`. */
async function ask(oracles, cases) {
  return Promise.all(
    oracles.map(async (oracle) => {
      const asked = cases.filter((one) => exclusions(one, oracle.name).length === 0);
      const answers = await oracle.answers(asked);
      return { name: oracle.name, answers: new Map(asked.map((one, i) => [one, answers[i]])) };
    }),
  );
}

/** Signers by identity: cases share them, as requests of a process do, so key caches are under test too. */
function signersOf(Signer) {
  const signers = new Map();
  return ({ identity }) => {
    if (!signers.has(identity)) signers.set(identity, new Signer(identity));
    return signers.get(identity);
  };
}

const queryOf = (url) => url?.slice(url.indexOf('?'));

function decodedQuery(url) {
  const pairs = new Map();
  for (const pair of url.slice(url.indexOf('?') + 1).split('&')) {
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)].map(decodeURIComponent);
    pairs.set(name, pairs.has(name) ? [pairs.get(name), value].flat().sort() : value);
  }
  return pairs;
}

/** What the signer gives for one case, in the form of the oracles' answers; an exception becomes `{ error }`. */
function outcome(signer, { mode, call }) {
  try {
    if (mode === 'presign') {
      const url = signer.presign(call);
      const got = { url, signature: url.slice(-64) };
      if (!explainsPresign(signer)) return got;
      const { canonicalRequest, stringToSign, signature: explained } = signer.explain({ ...call, presign: true });
      return { ...got, canonicalRequest, stringToSign, explained };
    }
    const { authorization, headers } = signer.sign(call);
    const { canonicalRequest, stringToSign, signature: explained } = signer.explain(call);
    const signature = authorization.slice(-64);
    return { authorization, headers, canonicalRequest, stringToSign, explained, signature };
  } catch (error) {
    return { error: `${error.code ?? ''} ${error.message}` };
  }
}

/** Stage by stage, so that a report names the first one that differs. */
const STAGES = ['error', 'canonicalRequest', 'stringToSign', 'authorization', 'signature'];

function differences(got, expected) {
  const stages = STAGES.filter((stage) =>
    stage in got && stage in expected
      ? got[stage] !== expected[stage]
      : stage === 'error' && (stage in got || stage in expected),
  );
  if (got.url && expected.query && typeof expected.query === 'object') {
    const theirs = Object.fromEntries(
      Object.entries(expected.query).map(([k, v]) => [k, Array.isArray(v) ? [...v].sort() : v]),
    );
    const ours = Object.fromEntries(decodedQuery(got.url));
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      if (String(theirs[name]) !== String(ours[name])) stages.push(`parameter ${name}`);
    }
  }
  return stages;
}

/** What must hold whatever the signature is: the result is complete, and what was given comes back as given. */
function incomplete(got, { mode, call, truth }) {
  if (got.error) return [];
  if (mode === 'presign') {
    const faults =
      got.explained === undefined || got.explained === got.signature ? [] : ['an explain() that equals presign()'];
    // A path that no client could send as it stands may be escaped in the URL: it means the same.
    const path = typeof call.url === 'string' ? truth.path : call.url.path;
    const sendable = /^[A-Za-z0-9\-._~/%!$&'()*+,;=:@]*$/.test(path);
    const starts = [path, ...(sendable ? [] : [truth.sdkPath])].map((one) => `${truth.origin}${one}?`);
    const start = starts.find((one) => got.url.startsWith(one));
    if (start === undefined) faults.push('the origin and path given');
    else if (!/^[A-Za-z0-9\-._~%&=]+$/.test(got.url.slice(start.length))) faults.push('strictly escaped parameters');
    return faults.map((fault) => `URL without ${fault}`);
  }
  const form = /^AWS4-HMAC-SHA256 Credential=[^ ]+, SignedHeaders=([^, ]+), Signature=[0-9a-f]{64}$/.exec(
    got.authorization,
  );
  if (form === null) return ['result without authorization in the form of the protocol'];
  const signed = form[1].split(';');
  const sent = Object.keys(got.headers);
  const faults = [...signed, 'authorization', 'host', 'x-amz-date'].filter((name) => !sent.includes(name));
  if (got.explained !== got.signature) faults.push('an explain() that equals sign()');
  for (const [name] of truth.headers) if (!sent.includes(name)) faults.push(name);
  return faults.map((fault) => `result without ${fault}`);
}

/**
 * Compares `Signer` with the answers, and with the reference signer on every case.
 *
 * @param {Function} Signer a class with the face of SigV4Signer
 * @param {object} [options] `most`: stop after that many mismatches; `reference`: false leaves our own reference out
 * @returns {{ mismatches: object[], compared: Record<string, number> }}
 */
function compare(Signer, cases, asked, { most = Infinity, reference = true } = {}) {
  const signerOf = signersOf(Signer);
  const referenceOf = reference ? signersOf(makeReference()) : null;
  const compared = Object.fromEntries(asked.map(({ name }) => [name, 0]));
  const mismatches = [];
  for (const one of cases) {
    const got = outcome(signerOf(one), one);
    const report = (oracle, stages, expected) => mismatches.push({ oracle, stages, case: one, got, expected });
    const missing = incomplete(got, one);
    if (missing.length > 0) report('the face', missing);
    for (const { name, answers } of asked) {
      const expected = answers.get(one);
      if (expected === undefined) continue;
      compared[name]++;
      const stages = differences(got, expected);
      if (stages.length > 0) report(name, stages, expected);
    }
    if (referenceOf) {
      const expected = outcome(referenceOf(one), one);
      const stages = differences(got, expected);
      if (queryOf(got.url) !== queryOf(expected.url)) stages.push('url');
      if (stages.length > 0) report('reference', stages, expected);
    }
    if (mismatches.length >= most) break;
  }
  return { mismatches, compared };
}

/** One mismatch as text that can be pasted into a report. */
function describe({ oracle, stages, case: one, got, expected }) {
  const { call, identity, id, mode } = one;
  const show = (value) =>
    JSON.stringify(value, (_, v) => (v?.buffer ? `bytes ${Buffer.from(v).toString('hex')}` : v), 1);
  const side = (answer) =>
    STAGES.concat('url')
      .filter((stage) => answer?.[stage])
      .map((stage) => `${stage}: ${answer[stage]}`)
      .join('\n');
  return `case ${id}, ${mode}: ${stages.join(', ')} against ${oracle}\n${show(identity)}\n${show(call)}\n--- got\n${side(got)}\n--- ${oracle}\n${side(expected)}`;
}

/** Names of the headers whose value to send is not the one given, but for the space around it (which HTTP does not keep). */
function alteredHeaders({ headers }, { truth }) {
  return truth.headers
    .filter(([name, value]) => !['authorization', 'host'].includes(name) && headers[name].trim() !== value)
    .map(([name, value]) => `${name}: ${JSON.stringify(headers[name])}, given ${JSON.stringify(value)}`);
}

module.exports = { alteredHeaders, ask, compare, describe };
