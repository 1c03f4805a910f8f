'use strict';

/** An empty value means "not set", as in most deployment panels. */
function text(env, name, fallback) {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  if (fallback === undefined) throw new Error(`${name} is not set`);
  return fallback;
}

function integer(env, name, fallback, { min, max }) {
  const value = text(env, name, String(fallback));
  const number = Number(value);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}`);
  }
  return number;
}

/** The settings of campaigns; null where there is no key for an LLM: then the app has none. */
function readCampaigns(env) {
  const apiKey = text(env, 'OPENROUTER_API_KEY', '');
  if (apiKey === '') return null;
  return {
    apiKey,
    baseUrl: text(env, 'OPENROUTER_BASE_URL', 'https://openrouter.ai/api/v1'),
    models: text(env, 'CAMPAIGN_MODELS').split(','),
    webhookUrl: text(env, 'CAMPAIGN_WEBHOOK_URL'),
    webhookSecret: text(env, 'CAMPAIGN_WEBHOOK_SECRET'),
    // Of its own: who may start campaigns need not be an administrator.
    token: text(env, 'CAMPAIGN_API_TOKEN'),
    window: integer(env, 'CAMPAIGN_WINDOW', 5, { min: 1, max: 4096 }),
  };
}

/**
 * The settings of the app itself. R2_*, TELEGRAM_API_ROOT and MEDIA_PREWARM_* are read by warmpath.
 * @param {NodeJS.ProcessEnv} env
 * @throws {Error} naming the variable that is missing or wrong
 */
function readConfig(env) {
  return {
    port: integer(env, 'PORT', 3000, { min: 0, max: 65535 }),
    host: text(env, 'HOST', '127.0.0.1'),
    databaseUrl: text(env, 'DATABASE_URL'),
    adminToken: text(env, 'ADMIN_API_TOKEN'),
    maxUploadBytes: integer(env, 'MAX_UPLOAD_BYTES', 50_000_000, { min: 1, max: 2_000_000_000 }),
    shutdownTimeoutMs: integer(env, 'SHUTDOWN_TIMEOUT_MS', 10_000, { min: 0, max: 600_000 }),
    campaigns: readCampaigns(env),
    // Read by warmpath too; a wrong value stops it by name.
    durable: env.MEDIA_PREWARM_STORE === 'postgres',
    debug: env.LOG_LEVEL === 'debug',
  };
}

module.exports = { readConfig };
