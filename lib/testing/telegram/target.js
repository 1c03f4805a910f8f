'use strict';

/** `/bot<token>/<method>` and `/file/bot<token>/<path>`. */
function parseTarget(url) {
  const path = url.split('?')[0];
  const match = /^(\/file)?\/bot([^/]+)\/(.+)$/.exec(path);
  if (!match) return null;
  let token;
  try {
    token = decodeURIComponent(match[2]);
  } catch {
    return null;
  }
  return match[1] ? { token, download: match[3] } : { token, method: match[3] };
}

module.exports = { parseTarget };
