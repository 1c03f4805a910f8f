'use strict';

/** The migrations of campaigns, a list of their own: an app without campaigns gets none of their tables. See index.js. */
const CAMPAIGN_MIGRATIONS = [
  require('./020-campaign-tables.js'),
  require('./021-campaign-columns.js'),
  require('./022-campaign-parts.js'),
  require('./023-campaign-backfill.js'),
  require('./024-campaign-indexes.js'),
  require('./025-campaign-functions.js'),
  require('./026-campaign-storage.js'),
];

module.exports = { CAMPAIGN_MIGRATIONS };
