'use strict';

// The command under its earlier name: `node scripts/test-prewarm-performance.js`. The same as `npx warmpath report`.

const { runReport } = require('../lib/cli/report.js');

runReport(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
