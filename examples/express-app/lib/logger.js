'use strict';

/**
 * One JSON object a line on stdout. The methods take (tag, fields), as console's would, so warmpath logs through it too.
 * @param {{ debug?: boolean }} [options]
 */
function createLogger({ debug = false } = {}) {
  const write = (level) => (tag, fields) => {
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, tag, ...fields })}\n`);
  };
  return { debug: debug ? write('debug') : () => {}, info: write('info'), warn: write('warn'), error: write('error') };
}

module.exports = { createLogger };
