'use strict';

// ffmpeg and ffprobe, which the media tests compare with: those of WARMPATH_FFMPEG_DIR, else those on the PATH, else static
// builds from npm, installed once into target/. They are no dependency of the package: nobody but these tests needs them.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const folder = path.join(__dirname, '..', 'target', 'ffmpeg');
const TOOLS = { ffmpeg: '@ffmpeg-installer', ffprobe: '@ffprobe-installer' };
const VERSIONS = { ffmpeg: '4.1.0', ffprobe: '5.2.0' };

function isOnPath(tool) {
  return spawnSync(tool, ['-version'], { stdio: 'ignore' }).status === 0;
}

/** Sets WARMPATH_FFMPEG_DIR where the tools are not on the PATH. Where they cannot be had, the tests say what is missing. */
function provideFfmpeg() {
  const tools = Object.keys(TOOLS);
  if (process.env.WARMPATH_FFMPEG_DIR || tools.every(isOnPath)) return;
  const program = (tool) => path.join(folder, tool);
  if (!tools.every((tool) => fs.existsSync(program(tool)))) {
    console.log('warmpath: installing ffmpeg and ffprobe for the media tests (npm, into target/ffmpeg)');
    const platform = `${process.platform}-${process.arch}`;
    const packages = tools.map((tool) => `${TOOLS[tool]}/${platform}@${VERSIONS[tool]}`);
    fs.mkdirSync(folder, { recursive: true });
    const options = [
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--loglevel=error',
    ];
    const npm = process.env.npm_execpath;
    const args = ['install', ...options, ...packages];
    const { status } = npm
      ? spawnSync(process.execPath, [npm, ...args], { stdio: 'inherit' })
      : spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' });
    if (status !== 0) return;
    for (const tool of tools) {
      fs.rmSync(program(tool), { force: true });
      fs.symlinkSync(path.join('node_modules', TOOLS[tool], platform, tool), program(tool));
      fs.chmodSync(program(tool), 0o755);
    }
  }
  process.env.WARMPATH_FFMPEG_DIR = folder;
}

module.exports = { provideFfmpeg };
