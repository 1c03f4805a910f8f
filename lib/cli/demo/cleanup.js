'use strict';

const { objectUrl, signedFetch } = require('../services/signed-fetch');

/**
 * Takes the demo's objects out of a bucket that is the user's own.
 * @param {Record<string, string>} env the R2_* settings the app was given
 * @param {{ r2_key: string }[]} items what was uploaded
 */
async function removeUploads(env, items) {
  const endpoint = env.R2_ENDPOINT || `https://${env.R2_ACCOUNT_ID}.r2.cloudflarestorage.com`;
  const credentials = { accessKeyId: env.R2_ACCESS_KEY_ID, secretAccessKey: env.R2_SECRET_ACCESS_KEY };
  for (const { r2_key: key } of items) {
    await signedFetch({ credentials, url: objectUrl(endpoint, env.R2_BUCKET, key), method: 'DELETE' });
  }
}

module.exports = { removeUploads };
