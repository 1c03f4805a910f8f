'use strict';

// How each package manager installs into an empty folder: from our registry, without install scripts, and with nothing on the PATH but
// Node and a shell. So no compiler can help a package that does not bring what it needs.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** What the app uses besides `warmpath`: Express, and the optional peers of the sandboxes. */
const OTHERS = ['express', '@fastify/busboy', '@smithy/signature-v4', '@xmldom/xmldom', 'selfsigned'];

/** @returns {string} npm's own script: run by `node`, it needs no `npm` on the PATH */
function npmScript() {
  const found = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim();
  return path.join(found, 'npm', 'bin', 'npm-cli.js');
}

/**
 * A folder of links to the few programs that may be used.
 * @param {string} folder @returns {object} the environment of somebody else's machine
 */
function cleanEnvironment(folder) {
  const bin = path.join(folder, 'bin');
  const home = path.join(folder, 'home');
  fs.mkdirSync(bin, { recursive: true });
  fs.mkdirSync(home, { recursive: true });
  for (const [name, target] of [
    ['node', process.execPath],
    ['sh', '/bin/sh'],
    ['env', '/usr/bin/env'],
  ]) {
    fs.rmSync(path.join(bin, name), { force: true });
    fs.symlinkSync(target, path.join(bin, name));
  }
  return { PATH: bin, HOME: home, CI: 'true', NO_UPDATE_NOTIFIER: '1', YARN_ENABLE_TELEMETRY: '0' };
}

/**
 * @param {(name: string) => string} tool @param {string} registry @param {string} cache
 * @returns {Record<string, { install: (folder: string, packages: string[]) => string[][], node?: string[] }>} the commands, as arguments
 *   of `node`; `node`: arguments that the app then needs
 */
function managers(tool, registry, cache) {
  const yarn2 = (folder, linker, packages) => {
    const settings = {
      nodeLinker: linker,
      npmRegistryServer: registry,
      unsafeHttpWhitelist: ['127.0.0.1'],
      enableScripts: false,
      enableGlobalCache: false,
      cacheFolder: path.join(cache, 'yarn'),
      globalFolder: path.join(cache, 'yarn-global'),
      // A package is held back for days after its publication; ours is seconds old.
      npmMinimalAgeGate: 0,
      enableImmutableInstalls: false,
      // For `import`, which Node resolves by itself otherwise.
      pnpEnableEsmLoader: true,
    };
    fs.writeFileSync(path.join(folder, '.yarnrc.yml'), JSON.stringify(settings));
    // Without a lock file it takes the folder for a part of a project further up.
    fs.writeFileSync(path.join(folder, 'yarn.lock'), '');
    return [[path.join(tool('@yarnpkg/cli-dist'), 'bin', 'yarn.js'), 'add', ...packages]];
  };
  return {
    npm: {
      install: (_folder, packages) => [
        [
          npmScript(),
          'install',
          ...packages,
          '--ignore-scripts',
          '--no-audit',
          '--no-fund',
          '--registry',
          registry,
          '--cache',
          path.join(cache, 'npm'),
        ],
      ],
    },
    pnpm: {
      install: (_folder, packages) => [
        [
          path.join(tool('pnpm'), 'bin', 'pnpm.cjs'),
          'add',
          ...packages,
          '--ignore-scripts',
          '--registry',
          registry,
          '--store-dir',
          path.join(cache, 'pnpm'),
        ],
      ],
    },
    'yarn 1': {
      install: (_folder, packages) => [
        [
          path.join(tool('yarn'), 'bin', 'yarn.js'),
          'add',
          ...packages,
          '--ignore-scripts',
          '--non-interactive',
          '--registry',
          registry,
          '--cache-folder',
          path.join(cache, 'yarn1'),
        ],
      ],
    },
    'yarn 4, node_modules': { install: (folder, packages) => yarn2(folder, 'node-modules', packages) },
    "yarn 4, Plug'n'Play": {
      install: (folder, packages) => yarn2(folder, 'pnp', packages),
      node: ['--require', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs'],
    },
  };
}

/** @returns {string} what it printed @throws {Error} with what it printed, when it ends otherwise than with 0 */
function run(command, args, options) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 300_000,
    ...options,
  });
  if (error) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${status ?? signal}\n${stdout}\n${stderr}`);
  return stdout;
}

/** The app of the rehearsal in a new folder, with nothing installed. @returns {string} */
function newApp(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.cpSync(path.join(__dirname, 'app'), folder, { recursive: true });
  return folder;
}

/** @returns {string[]} the platforms' packages that were installed, wherever the manager keeps them */
function installedPlatforms(folder) {
  const places = ['node_modules', 'node_modules/.pnpm', '.yarn/unplugged'].map((place) => path.join(folder, place));
  const names = places.flatMap((place) => (fs.existsSync(place) ? fs.readdirSync(place) : []));
  return [
    ...new Set(
      names
        .map((name) => /^warmpath-(?:linux|darwin|win32)-[a-z0-9]+(?:-(?:gnu|musl|msvc))?/.exec(name)?.[0])
        .filter(Boolean),
    ),
  ];
}

module.exports = { OTHERS, cleanEnvironment, installedPlatforms, managers, newApp, run };
