'use strict';

const { prewarmEnv, s3Env, telegramEnv } = require('../../compat/env.js');
const { describeMachine } = require('../../loading/machine.js');
const { native, diagnoseError } = require('../../native.js');

const OLDEST_NODE = [20, 19];

/** The machine, the addon and the settings: what needs no network. */
function checkProcess(found, env) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const fresh = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (fresh) found.ok('node', describeMachine());
  else found.fail('node', `Node ${process.versions.node} is too old`, 'use Node 20.19 or newer');
  try {
    native();
    found.ok('addon', 'the native addon loads');
  } catch (error) {
    const { machine, reason, remedy } = diagnoseError(error);
    found.fail('addon', `it does not load on ${machine}: ${reason}`, remedy);
  }
  checkSettings(found, env);
}

function checkSettings(found, env) {
  for (const [name, read] of [
    ['settings of the worker', prewarmEnv],
    ['settings of the bucket', s3Env],
    ['settings of Telegram', telegramEnv],
  ]) {
    try {
      read(env);
      found.ok(name, 'complete');
    } catch (error) {
      found.fail(name, error.message, 'set the variables that are named');
    }
  }
  const token = env.ADMIN_API_TOKEN ?? '';
  if (token === '')
    found.warn('admin token', 'ADMIN_API_TOKEN is not set', 'set it to 32 random characters: openssl rand -hex 16');
  else if (token.length < 16)
    found.fail('admin token', 'ADMIN_API_TOKEN is shorter than 16 characters', 'openssl rand -hex 16');
  else found.ok('admin token', 'set');
}

module.exports = { checkProcess };
