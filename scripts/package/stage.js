'use strict';

// Lays out what is published, each package in a folder of its own: `warmpath`, which holds no machine code, and one package a platform,
// which holds nothing else. The manifest of the checkout cannot be the published one: it names tools that build, and packages of
// platforms in it would have to be on a registry before a clone could be installed.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { PLATFORMS, packageName, addonName } = require('./platforms.js');

const root = path.join(__dirname, '..', '..');

/** What every package says about itself in the same words. */
const SHARED = ['version', 'license', 'author', 'homepage', 'repository', 'bugs', 'engines'];

/** Provenance is refused where a package does not name the repository that it was built from: a workflow knows it. */
function repository({ GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name }) {
  return server && name ? { repository: { type: 'git', url: `git+${server}/${name}.git` } } : {};
}

const pick = (from, names) =>
  Object.fromEntries(names.filter((name) => name in from).map((name) => [name, from[name]]));

/** @param {object} manifest that of the checkout @returns {object} that of the published `warmpath` */
function mainManifest(manifest) {
  // Scripts are for who builds. An install script, above all, is what many registries and companies refuse to run.
  const { scripts: _scripts, devDependencies: _tools, napi: _napi, ...published } = manifest;
  const platforms = PLATFORMS.map((platform) => [packageName(platform), manifest.version]);
  return {
    ...repository(process.env),
    ...published,
    optionalDependencies: { ...published.optionalDependencies, ...Object.fromEntries(platforms) },
  };
}

/** @param {object} manifest that of the checkout @param {(typeof PLATFORMS)[number]} platform @returns {object} */
function platformManifest(manifest, platform) {
  return {
    name: packageName(platform),
    description: `The native part of warmpath for ${platform.triple}.`,
    ...repository(process.env),
    ...pick(manifest, SHARED),
    os: [platform.os],
    cpu: [platform.cpu],
    // Where a package manager knows no libc it installs both, and the loader takes the one that fits.
    ...(platform.libc === undefined ? {} : { libc: [platform.libc] }),
    main: addonName(platform),
    files: [addonName(platform)],
    publishConfig: { access: 'public' },
  };
}

/** The files that npm would publish from the checkout, without the addon that was built in it. */
function publishedFiles() {
  // `npm_execpath` names a package manager that runs us, which need not be npm.
  const list = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    shell: process.platform === 'win32',
  });
  const listed = JSON.parse(list);
  // An array until npm 11, an object by name since.
  const [{ files }] = Array.isArray(listed) ? listed : Object.values(listed);
  return files.map((file) => file.path).filter((name) => !name.endsWith('.node'));
}

const writeManifest = (folder, manifest) =>
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

function emptyFolder(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
}

/** @param {string} out @returns {string} the folder of `warmpath` */
function stageMain(out) {
  const folder = path.join(out, 'warmpath');
  emptyFolder(folder);
  for (const name of publishedFiles()) {
    const target = path.join(folder, name);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(path.join(root, name), target);
  }
  writeManifest(folder, mainManifest(require('../../package.json')));
  return folder;
}

/** @param {string} out @param {(typeof PLATFORMS)[number]} platform @param {string} addon a .node file @returns {string} its folder */
function stagePlatform(out, platform, addon) {
  const folder = path.join(out, packageName(platform));
  emptyFolder(folder);
  const target = path.join(folder, addonName(platform));
  fs.copyFileSync(addon, target);
  fs.chmodSync(target, 0o644);
  fs.copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  const name = packageName(platform);
  fs.writeFileSync(
    path.join(folder, 'README.md'),
    `# ${name}\n\nThe native part of [warmpath](https://www.npmjs.com/package/warmpath) for ${platform.triple}. Install \`warmpath\`: it brings the package that fits.\n`,
  );
  writeManifest(folder, platformManifest(require('../../package.json'), platform));
  return folder;
}

/**
 * @param {{ addons: string, out: string, all?: boolean }} options `addons`: folder of .node files; `all`: each platform must have one
 * @returns {string[]} the folders to publish, in the order in which they must be: who installs `warmpath` finds its platform's package
 * @throws {Error} no addon, or not all
 */
function stage({ addons, out, all = false }) {
  const built = PLATFORMS.filter((platform) => fs.existsSync(path.join(addons, addonName(platform))));
  const missing = PLATFORMS.filter((platform) => !built.includes(platform));
  if (built.length === 0) throw new Error(`${addons} holds no addon: ${PLATFORMS.map(addonName).join(', ')}`);
  if (all && missing.length > 0) throw new Error(`${addons} lacks ${missing.map(addonName).join(', ')}`);
  const platforms = built.map((platform) => stagePlatform(out, platform, path.join(addons, addonName(platform))));
  return [...platforms, stageMain(out)];
}

module.exports = { stage };
