'use strict';

const { existsSync } = require('node:fs');
const path = require('node:path');

/**
 * A program of the machine: at the address in the environment variable, or on the PATH. Null, said loudly, where there is none; in CI
 * a missing one is a failure.
 */
function findProgram(name, { variable, what }) {
  const named = process.env[variable];
  if (named) return named;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const found = folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  const message = `${what}: no ${name} on the PATH, and ${variable} is not set`;
  if (process.env.CI === 'true') throw new Error(message);
  process.stderr.write(`\nNOT TESTED: ${message}\n\n`);
  return null;
}

module.exports = { findProgram };
