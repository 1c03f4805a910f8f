'use strict';

/**
 * Loads an optional peer dependency, or throws with the command that installs it.
 *
 * The package itself has no npm dependency at run time: what only the sandboxes, the demo or an adapter need is
 * installed by those who use them.
 *
 * @param {string} name npm package name, for example `busboy`
 * @param {string} purpose what needs it, as the subject of the sentence: `TelegramSandbox`
 * @returns {any} what the package exports
 * @throws {import('./errors').WarmpathError} `ERR_WARMPATH_PEER_MISSING` when the package is not installed. An error
 *   thrown by the package itself while it loads is passed on as it is.
 */
function requirePeer(name, purpose) {
  try {
    return require(name);
  } catch (cause) {
    // Only "this very package is absent" is ours to explain; a broken install must show its own error.
    if (cause.code !== 'MODULE_NOT_FOUND' || !String(cause.message).includes(`'${name}'`)) throw cause;
    const { WarmpathError } = require('./errors');
    throw new WarmpathError('ERR_WARMPATH_PEER_MISSING', `${purpose} needs the package ${name}: npm install ${name}`, {
      cause,
    });
  }
}

module.exports = { requirePeer };
