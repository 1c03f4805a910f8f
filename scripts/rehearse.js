'use strict';

// The publication, rehearsed: `node scripts/rehearse.js [--addon FILE] [--keep]`.
//
// A registry on loopback, the packages published to it as a release would, and then what people do: an empty app, an install without
// scripts and without a compiler, and the app runs. With every package manager, and in roots of other distributions. A step that this
// machine cannot do is printed as skipped, with the reason; one that fails makes the exit code 1.
//
//   --addon   the .node file of the linux-x64-gnu package; else it is built first, by scripts/artifact.js
//   --keep    leaves the apps in target/rehearsal to look at

const fs = require('node:fs');
const { execFileSync, spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { addonName, packageName, PLATFORMS } = require('./package/platforms.js');
const { stage } = require('./package/stage.js');
const { publish } = require('./publish.js');
const { cleanEnvironment, installedPlatforms, managers, newApp, OTHERS, run } = require('./rehearsal/managers.js');
const { provideTools, startRegistry } = require('./rehearsal/registry.js');
const { Report } = require('./rehearsal/report.js');
const { DEBIANS, debianRoot, inRoot, muslRoot, Unavailable } = require('./rehearsal/roots.js');
const { compareVersions, readElf } = require('./package/elf.js');
const { inspect } = require('./symbols.js');

const root = path.join(__dirname, '..');
const place = path.join(root, 'target', 'rehearsal');

const GNU = PLATFORMS.find(({ name }) => name === 'linux-x64-gnu');
const MUSL = PLATFORMS.find(({ name }) => name === 'linux-x64-musl');

/** Where scripts/artifact.js puts it. */
const BUILT = path.join(root, 'target', 'addons', addonName(GNU));

const report = new Report();
const step = (title, work) => report.step(title, work);

/**
 * All the packages, so that package managers have to choose. Of the other platforms there is no addon here: a text stands in its place,
 * which nobody may install, let alone load.
 */
function stageAll(addon, out) {
  const addons = path.join(place, 'addons');
  fs.rmSync(addons, { recursive: true, force: true });
  fs.mkdirSync(addons, { recursive: true });
  for (const platform of PLATFORMS) {
    const target = path.join(addons, addonName(platform));
    if (platform === GNU) fs.copyFileSync(addon, target);
    else fs.writeFileSync(target, `${platform.triple} is not built in a rehearsal\n`);
  }
  fs.rmSync(out, { recursive: true, force: true });
  stage({ addons, out, all: true });
}

/** The addon as it is published, of the sources as they are. @returns {string} what it is */
function buildAddon(addon) {
  if (addon === BUILT) {
    const { status } = spawnSync(process.execPath, [path.join(__dirname, 'artifact.js')], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`scripts/artifact.js ended with ${status}`);
  }
  const { elf, faults } = inspect(addon);
  if (faults.length > 0) throw new Error(`${addon} may not be published: ${faults.join('; ')}`);
  return `${(elf.size / 1e6).toFixed(2)} MB, glibc ${elf.glibc}, needs ${elf.needed.join(' ')}`;
}

/** The published manifests ask for nothing to be run at an install. */
function checkManifests(packages) {
  for (const folder of fs.readdirSync(packages)) {
    const { scripts = {} } = JSON.parse(fs.readFileSync(path.join(packages, folder, 'package.json'), 'utf8'));
    if (Object.keys(scripts).length > 0) throw new Error(`${folder} has scripts: ${Object.keys(scripts).join(', ')}`);
  }
  const binaries = fs
    .readdirSync(path.join(packages, 'warmpath'), { recursive: true })
    .filter((name) => name.endsWith('.node'));
  if (binaries.length > 0) throw new Error(`warmpath holds ${binaries.join(', ')}`);
}

/** One manager, from the empty folder to the running app. @returns {string} what the app found */
function rehearse(name, manager, env) {
  const folder = newApp(path.join(place, 'apps', name.replace(/\W+/g, '-')));
  for (const args of manager.install(folder, ['warmpath', ...OTHERS]))
    run(process.execPath, args, { cwd: folder, env });
  const installed = installedPlatforms(folder);
  // yarn 1 knows no libc: it installs both, and the loader chooses.
  const expected = name === 'yarn 1' ? [packageName(GNU), packageName(MUSL)] : [packageName(GNU)];
  if (installed.sort().join() !== expected.sort().join()) {
    throw new Error(`installed ${installed.join(', ') || 'no platform package'}, expected ${expected.join(', ')}`);
  }
  return run(process.execPath, [...(manager.node ?? []), 'app.js'], { cwd: folder, env }).trim();
}

async function withManagers(tool, registry, env) {
  const all = managers(tool, registry, path.join(place, 'cache'));
  for (const [name, manager] of Object.entries(all))
    await step(`${name}: empty app, install, run`, () => rehearse(name, manager, env));
  return all.npm;
}

/** The tarball that `npm pack` makes of a checkout: it brings the addon along, for who has no registry. */
async function withTarball(npm, env) {
  await step('npm: the tarball of the checkout', () => {
    if (!fs.existsSync(path.join(root, 'native', addonName(GNU))))
      throw new Unavailable('native/ holds no addon: npm run build');
    const folder = newApp(path.join(place, 'apps', 'tarball'));
    // The registry must not help: the platforms' packages are in the published manifest alone.
    execFileSync('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder], {
      cwd: root,
      stdio: 'ignore',
    });
    const tarball = fs.readdirSync(folder).find((name) => name.endsWith('.tgz'));
    for (const args of npm.install(folder, [`./${tarball}`, ...OTHERS]))
      run(process.execPath, args, { cwd: folder, env });
    return run(process.execPath, ['app.js'], { cwd: folder, env }).trim();
  });
}

/** Nothing may need AVX without having looked for it: an addon that does ends the process at its first call, or when it is loaded. */
async function onOldProcessor() {
  await step('a processor of 2008, emulated (Nehalem: no AVX): the app runs', () => {
    if (spawnSync('qemu-x86_64', ['-version']).error)
      throw new Unavailable('qemu-x86_64 is not installed (Debian: qemu-user)');
    const args = ['-cpu', 'Nehalem-v1', fs.realpathSync(process.execPath), 'app.js'];
    return run('qemu-x86_64', args, { cwd: path.join(place, 'apps', 'npm') }).trim();
  });
}

async function inDebians(addon) {
  const app = path.join(place, 'apps', 'npm');
  const plain = path.join(root, 'native', addonName(GNU));
  for (const name of Object.keys(DEBIANS)) {
    let where;
    const made = await step(`${name}: a root with this Node`, () => {
      where = debianRoot(name, path.join(place, 'roots'));
    });
    if (!made) continue;
    await step(`${name}: the app runs`, () => {
      const { command, args, options } = inRoot(where, app, ['/app/app.js']);
      return run(command, args, options).trim();
    });
    // That the step above can fail at all.
    await step(`${name}: an addon that was built for this machine's glibc is refused`, () => {
      const needed = fs.existsSync(plain) ? readElf(plain).glibc : null;
      if (needed === null || compareVersions(needed, readElf(addon).glibc) <= 0)
        throw new Unavailable('native/ holds no such addon');
      fs.copyFileSync(plain, path.join(app, 'plain.node'));
      const { command, args, options } = inRoot(where, app, ['/app/refused.js', 'GLIBC_'], {
        WARMPATH_NATIVE_PATH: '/app/plain.node',
      });
      return run(command, args, options).trim();
    });
  }
}

async function onMusl(npm, env) {
  let where;
  const made = await step('musl (what Alpine has): a root with a Node for it', () => {
    where = muslRoot(path.join(place, 'roots'));
  });
  if (!made) return;
  await step(
    'musl: npm chooses the package for musl; without its addon the app lives, and using it says why it cannot',
    () => {
      const folder = newApp(path.join(place, 'apps', 'musl'));
      const [args] = npm.install(folder, ['warmpath']);
      run(process.execPath, [...args, '--os=linux', '--cpu=x64', '--libc=musl'], { cwd: folder, env });
      const installed = installedPlatforms(folder);
      if (installed.join() !== packageName(MUSL))
        throw new Error(`installed ${installed.join(', ') || 'no platform package'}`);
      const inside = inRoot(where, folder, ['/app/refused.js', 'musl']);
      return run(inside.command, inside.args, inside.options).trim();
    },
  );
  await step('musl: the app runs', () => {
    const folder = execFileSync('rustc', ['--print', 'target-libdir', '--target', MUSL.triple], {
      encoding: 'utf8',
    }).trim();
    if (!fs.existsSync(folder))
      throw new Unavailable(
        `Rust's standard library for ${MUSL.triple} is not installed, so nothing can be built for it`,
      );
    throw new Unavailable(
      `build it first (node scripts/artifact.js ${MUSL.triple}); the release workflow runs it on Alpine`,
    );
  });
}

/** Publishes everything to `registry`, twice: a release that broke off is finished by running it again. @returns {Promise<string>} */
async function publishAll(addon, packages, registry) {
  stageAll(addon, packages);
  checkManifests(packages);
  // npm publishes nothing without a token; this registry takes any.
  process.env.npm_config_userconfig = path.join(place, 'npmrc');
  fs.writeFileSync(process.env.npm_config_userconfig, `${registry.replace('http:', '')}:_authToken=rehearsal\n`);
  const done = await publish({ packages, registry });
  if ((await publish({ packages, registry })).length > 0) throw new Error('a second publication published again');
  return `${done.length} packages`;
}

async function rehearseAll(addon) {
  const packages = path.join(place, 'packages');
  const tool = provideTools(path.join(root, 'target', 'rehearsal-tools'));
  const env = cleanEnvironment(place);
  // What an earlier rehearsal published or cached under the same version is another package.
  for (const stale of ['registry', 'cache']) fs.rmSync(path.join(place, stale), { recursive: true, force: true });
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const registry = await startRegistry({
    verdaccio: tool('verdaccio'),
    folder: path.join(place, 'registry'),
    upstream,
  });
  try {
    if (!(await step('publish: main and platform packages', () => publishAll(addon, packages, registry.url)))) return;
    const npm = await withManagers(tool, registry.url, env);
    await withTarball(npm, env);
    await onOldProcessor();
    await inDebians(addon);
    await onMusl(npm, env);
  } finally {
    await registry.stop();
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      addon: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('the rehearsal publishes the addon of x64 Linux, and runs there');
  const addon = path.resolve(values.addon ?? BUILT);
  try {
    if (await step('the addon, as it is published', () => buildAddon(addon))) await rehearseAll(addon);
  } finally {
    if (!values.keep)
      for (const name of ['apps', 'cache', 'registry'])
        fs.rmSync(path.join(place, name), { recursive: true, force: true });
  }
  const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((outcome) => report.count(outcome));
  console.log(`\n${report.table()}\n\nrehearsal: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}

main();
