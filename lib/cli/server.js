'use strict';

const { UsageError, Unreachable } = require('./command.js');

const TIMEOUT_MS = 10_000;

/** Options of the commands that ask a running server. */
const SERVER_OPTIONS = { url: { type: 'string' }, token: { type: 'string' } };

const SERVER_HELP = `  --url URL        where the admin router is, such as http://127.0.0.1:3000/api/admin/media/prewarm;
                   default: the variable WARMPATH_ADMIN_URL
  The token comes from the variable ADMIN_API_TOKEN (or --token, which other users of the machine can see).
`;

/**
 * A client of the admin router.
 *
 * @returns {{ get: (path: string) => Promise<object> } | null} null: no server was named
 * @throws {UsageError}
 */
function adminServer(values, { env, signal }) {
  const address = values.url ?? env.WARMPATH_ADMIN_URL;
  if (!address) return null;
  if (!/^https?:/.test(address) || !URL.canParse(address)) throw new UsageError('--url must be an http or https URL');
  const { username, password } = new URL(address);
  if (username || password)
    throw new UsageError('--url must hold no user and no password: the token is ADMIN_API_TOKEN');
  const token = values.token ?? env.ADMIN_API_TOKEN;
  if (!token) throw new UsageError('set ADMIN_API_TOKEN');
  const root = address.replace(/\/+$/, '');
  const get = async (path) => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(`${root}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: 'error',
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    }).catch((error) => {
      throw new Unreachable(`the server does not answer (${error.cause?.code ?? error.name})`);
    });
    if (response.status === 401) throw new Unreachable('the server does not accept the token in ADMIN_API_TOKEN');
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok || !type.startsWith('application/json')) {
      throw new Unreachable(`the server answered ${response.status}: is --url the address of the admin router?`);
    }
    return response.json();
  };
  return { get };
}

module.exports = { adminServer, SERVER_OPTIONS, SERVER_HELP };
