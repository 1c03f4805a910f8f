'use strict';

// A registry of our own on loopback. What is not `warmpath` it fetches from the one that this machine uses.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

/** Verdaccio, and the package managers that are rehearsed besides npm. No dependencies of the package: nobody else needs them. */
const TOOLS = {
  verdaccio: '6.8.0',
  pnpm: '10.34.9',
  yarn: '1.22.22',
  '@yarnpkg/cli-dist': '4.18.1',
};

/** @param {string} folder kept between runs @returns {(name: string) => string} the folder of one of the tools */
function provideTools(folder) {
  // One of Verdaccio's dependencies asks for `node-fetch@cjs`: a tag, which mirrors of registries do not always carry.
  const wanted = JSON.stringify({ private: true, dependencies: TOOLS, overrides: { 'node-fetch': '2.7.0' } });
  const manifest = path.join(folder, 'package.json');
  const stamp = path.join(folder, 'installed');
  if (!fs.existsSync(stamp) || fs.readFileSync(stamp, 'utf8') !== wanted) {
    console.log('warmpath: installing verdaccio, pnpm and yarn for the rehearsal (npm, into target/)');
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(manifest, wanted);
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
    const { error, status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' });
    if (error || status !== 0) throw error ?? new Error(`npm install of the tools ended with ${status}`);
    fs.writeFileSync(stamp, wanted);
  }
  return (name) => path.join(folder, 'node_modules', name);
}

/**
 * @param {{ verdaccio: string, folder: string, upstream: string }} options
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 * @throws {Error} it does not answer within a minute
 */
async function startRegistry({ verdaccio, folder, upstream }) {
  fs.mkdirSync(folder, { recursive: true });
  const config = {
    storage: path.join(folder, 'storage'),
    uplinks: { upstream: { url: upstream, timeout: '60s', maxage: '1h' } },
    packages: {
      'warmpath{,-*}': { access: '$all', publish: '$all', unpublish: '$all' },
      '**': { access: '$all', proxy: 'upstream' },
    },
    max_body_size: '100mb',
    web: { enable: false },
    log: { type: 'stdout', format: 'json', level: 'warn' },
  };
  const file = path.join(folder, 'config.json');
  fs.writeFileSync(file, JSON.stringify(config));
  const log = fs.openSync(path.join(folder, 'verdaccio.log'), 'w');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const server = spawn(
    process.execPath,
    [path.join(verdaccio, 'bin', 'verdaccio'), '--config', file, '--listen', `127.0.0.1:${port}`],
    {
      stdio: ['ignore', log, log],
    },
  );
  fs.closeSync(log);
  const ended = once(server, 'exit');
  const stop = async () => {
    server.kill('SIGTERM');
    await ended;
  };
  for (const deadline = Date.now() + 60_000; ; await sleep(200)) {
    if (server.exitCode !== null)
      throw new Error(`verdaccio ended with ${server.exitCode}: see ${folder}/verdaccio.log`);
    const answer = await fetch(`${url}-/ping`).catch(() => null);
    if (answer?.ok) return { url, stop };
    if (Date.now() > deadline) {
      await stop();
      throw new Error('verdaccio did not answer within a minute');
    }
  }
}

async function freePort() {
  const server = require('node:net').createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

module.exports = { provideTools, startRegistry };
