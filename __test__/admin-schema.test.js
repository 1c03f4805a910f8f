'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { after, before, describe, it } = require('node:test');
const { ROUTES } = require('../lib/admin/router.js');
const description = require('../docs/openapi.json');
const { findProgram } = require('./support/programs.js');
const { startWorld } = require('./support/example.js');

const st = findProgram('st', { variable: 'SCHEMATHESIS_PATH', what: 'the admin API by schemathesis' });
const run = promisify(execFile);
const DOCUMENT = path.join(__dirname, '..', 'docs', 'openapi.json');
const MOUNT = '/api/admin/media/prewarm';

// The 503 of a probe is an answer and no failure: somebody has paused the worker. Everywhere else it is one.
const CONFIG = `[[operations]]
include-path = "/health"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
`;

describe('docs/openapi.json', () => {
  it('describes every route of the router, and no other', () => {
    // Not for programs: the page, and its stream.
    const described = Object.keys(ROUTES).filter((route) => route !== '/' && route !== '/events');
    assert.deepEqual(Object.keys(description.paths).sort(), described.sort());
    for (const route of described) {
      const methods = Object.keys(ROUTES[route]).map((method) => method.toLowerCase());
      assert.deepEqual(Object.keys(description.paths[route]).sort(), methods.sort(), route);
    }
  });
});

describe('the admin API of the example app, by schemathesis', { skip: st === null }, () => {
  let world;
  let app;
  before(async () => {
    world = await startWorld();
    // Long parameters are to reach the router: with the usual bound Node itself answers them with 431.
    app = await world.app({ NODE_OPTIONS: '--max-http-header-size=1048576' });
  });
  after(() => world?.stop());

  it('never fails, and answers as it is described', async (t) => {
    // It leaves a cache where it runs.
    const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-schema-'));
    t.after(() => fs.rmSync(cwd, { recursive: true, force: true }));
    const config = path.join(cwd, 'schemathesis.toml');
    fs.writeFileSync(config, CONFIG);
    const args = ['--config-file', config, 'run', DOCUMENT, '--url', `${app.url}${MOUNT}`];
    args.push('-H', `Authorization: Bearer ${world.adminToken}`);
    const [count, phases] = process.env.WARMPATH_TEST_LONG ? ['200', 'examples,coverage,fuzzing'] : ['8', 'fuzzing'];
    args.push('--max-examples', count, '--phases', phases, '--continue-on-failure', '--seed', '7');
    // Two rules no schema can say: a cursor comes from an earlier page, and a burst is not above its limit.
    args.push('--exclude-checks', 'positive_data_acceptance');
    const { stdout } = await run(st, args, { maxBuffer: 1 << 26, cwd }).catch((error) => error);
    assert.match(stdout, /No issues found|Test cases:\s+\d+ generated, \d+ passed/, stdout.slice(-6000));
    assert.doesNotMatch(stdout, /Failures:/, stdout.slice(-6000));
  });

  it('answers 401 to every operation without the token', async () => {
    for (const [route, operations] of Object.entries(description.paths)) {
      for (const method of Object.keys(operations)) {
        const body = method === 'get' ? undefined : '{}';
        const { status } = await app.call(method.toUpperCase(), `${MOUNT}${route}`, { token: null, body });
        assert.equal(status, 401, `${method} ${route}`);
      }
    }
  });
});
