'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { freePort, startProcess, waitReady } = require('./process');
const { objectUrl, signedFetch } = require('./signed-fetch');
const { ensureVenv } = require('./venv');

const random = (bytes) => crypto.randomBytes(bytes).toString('hex');

/** A server that answers HTTP at all is up: an unsigned request is refused, and the refusal is the sign. */
const answers = (url) => () => fetch(url).then((response) => response.status > 0);

/**
 * @typedef {object} S3Server
 * @property {string} endpoint http://127.0.0.1:PORT
 * @property {string} bucket exists
 * @property {string} region
 * @property {string} accessKeyId
 * @property {string} secretAccessKey checked by the server
 * @property {() => Promise<void>} stop ends the server and removes its data
 */

/**
 * `rclone serve s3` on a temporary folder: an S3 server in Go with a SigV4 of its own.
 * @param {{ cacheDir: string, bucket?: string, onBuild?: () => void }} options
 * @returns {Promise<S3Server>}
 */
async function startRclone({ cacheDir, bucket = 'media', onBuild }) {
  const command = await ensureVenv(cacheDir, { onBuild });
  const home = await fs.mkdtemp(path.join(os.tmpdir(), 'warmpath-rclone-'));
  const remove = () => fs.rm(home, { recursive: true, force: true, maxRetries: 5 });
  const [accessKeyId, secretAccessKey] = [random(10), random(20)];
  try {
    // The folder's sub-folders are the buckets.
    await fs.mkdir(path.join(home, 'data', bucket), { recursive: true });
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const files = ['--config', path.join(home, 'rclone.conf'), '--cache-dir', path.join(home, 'cache')];
    // The key goes by environment: arguments can be read by every user of the machine.
    // rclone reads the list as CSV, hence the quotes.
    const env = { ...process.env, RCLONE_AUTH_KEY: `"${accessKeyId},${secretAccessKey}"` };
    const running = startProcess(
      command('rclone'),
      ['serve', 's3', '--addr', `127.0.0.1:${port}`, ...files, path.join(home, 'data')],
      {
        name: 'rclone',
        guard: 'TERM',
        env,
      },
    );
    await waitReady(running, answers(endpoint));
    return {
      ...{ endpoint, bucket, region: 'auto', accessKeyId, secretAccessKey },
      stop: () => running.stop().then(remove),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** ministack does not check the signatures of its root key, so the demo and the tests get a user with a key of its own. */
async function createUserKey(endpoint, root) {
  const credentials = { ...root, region: 'auto', service: 'iam' };
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const call = (fields) => {
    const body = new URLSearchParams({ Version: '2010-05-08', UserName: 'warmpath', ...fields }).toString();
    return signedFetch({ credentials, url: `${endpoint}/`, method: 'POST', headers, body });
  };
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  await call({ Action: 'CreateUser' });
  await call({ Action: 'PutUserPolicy', PolicyName: 'all', PolicyDocument: JSON.stringify(everything) });
  const answer = await call({ Action: 'CreateAccessKey' });
  const field = (name) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(answer)?.[1];
  return { accessKeyId: field('AccessKeyId'), secretAccessKey: field('SecretAccessKey') };
}

/**
 * ministack, an AWS emulator in Python, with signature checks on, in memory.
 * @param {{ cacheDir: string, bucket?: string, onBuild?: () => void }} options
 * @returns {Promise<S3Server>}
 */
async function startMinistack({ cacheDir, bucket = 'media', onBuild }) {
  const command = await ensureVenv(cacheDir, { onBuild });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const root = { accessKeyId: random(10), secretAccessKey: random(20) };
  // Run by hypercorn: ministack's own command binds all interfaces and opens an MQTT port.
  const running = startProcess(command('hypercorn'), ['ministack.app:app', '--bind', `127.0.0.1:${port}`], {
    name: 'ministack',
    guard: 'TERM',
    env: {
      ...process.env,
      AUTH: 'true',
      IOT_MTLS_ENABLED: '0',
      SERVICES: 's3,iam',
      MINISTACK_REGION: 'auto',
      GATEWAY_PORT: String(port),
      AWS_ACCESS_KEY_ID: root.accessKeyId,
      AWS_SECRET_ACCESS_KEY: root.secretAccessKey,
    },
  });
  await waitReady(running, answers(endpoint), 30_000);
  try {
    const key = await createUserKey(endpoint, root);
    // As at AWS, a bucket outside us-east-1 must name its region.
    const body = '<CreateBucketConfiguration><LocationConstraint>auto</LocationConstraint></CreateBucketConfiguration>';
    await signedFetch({ credentials: key, url: objectUrl(endpoint, bucket), method: 'PUT', body });
    return { endpoint, bucket, region: 'auto', ...key, stop: () => running.stop().then(() => {}) };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

module.exports = { startRclone, startMinistack };
