'use strict';

const { existsSync } = require('node:fs');
const path = require('node:path');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A Chromium: CHROMIUM_PATH, or one on the PATH; null, said loudly, where there is none. In CI a missing one is a failure. */
function chromiumPath() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const found =
    process.env.CHROMIUM_PATH ??
    names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file));
  if (found !== undefined) return found;
  if (process.env.CI === 'true') throw new Error('no Chromium: install chromium, or set CHROMIUM_PATH');
  process.stderr.write('\nNOT TESTED: the dashboard in a browser: install chromium, or set CHROMIUM_PATH\n\n');
  return null;
}

/** Starts it; closed when the test ends. */
async function startChromium(executablePath) {
  const { chromium } = require('playwright-core');
  return chromium.launch({ executablePath, args: FLAGS });
}

module.exports = { chromiumPath, startChromium };
