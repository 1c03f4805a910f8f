'use strict';

// The platforms that packages are published for. Names are napi's: its loader (native/index.js) requires `warmpath-<name>`.

/** @type {ReadonlyArray<{ name: string, triple: string, os: string, cpu: string, libc?: string }>} */
const PLATFORMS = [
  { name: 'linux-x64-gnu', triple: 'x86_64-unknown-linux-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  { name: 'linux-x64-musl', triple: 'x86_64-unknown-linux-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-gnu', triple: 'aarch64-unknown-linux-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { name: 'linux-arm64-musl', triple: 'aarch64-unknown-linux-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
  { name: 'darwin-x64', triple: 'x86_64-apple-darwin', os: 'darwin', cpu: 'x64' },
  { name: 'darwin-arm64', triple: 'aarch64-apple-darwin', os: 'darwin', cpu: 'arm64' },
  { name: 'win32-x64-msvc', triple: 'x86_64-pc-windows-msvc', os: 'win32', cpu: 'x64' },
];

const packageName = (platform) => `warmpath-${platform.name}`;
const addonName = (platform) => `warmpath.${platform.name}.node`;

/** What cargo makes of the addon's crate, on a platform by Node's name. */
const LIBRARIES = { linux: 'libwarmpath.so', darwin: 'libwarmpath.dylib', win32: 'warmpath.dll' };

module.exports = { LIBRARIES, PLATFORMS, packageName, addonName };
