'use strict';

// Copies what the dashboard's page loads from others into the package: `node scripts/vendor.js`. With --check it changes nothing, and
// fails where a copy is not that of the locked version. The package itself so has no dependency, and the page no CDN.

const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const target = path.join(root, 'lib', 'dashboard', 'vendor');

const FILES = {
  'uPlot.iife.min.js': 'uplot/dist/uPlot.iife.min.js',
  'uPlot.min.css': 'uplot/dist/uPlot.min.css',
  'uPlot-LICENSE.txt': 'uplot/LICENSE',
};

const check = process.argv.includes('--check');
let stale = 0;
for (const [name, source] of Object.entries(FILES)) {
  const wanted = fs.readFileSync(path.join(root, 'node_modules', source));
  const file = path.join(target, name);
  if (fs.existsSync(file) && fs.readFileSync(file).equals(wanted)) continue;
  stale++;
  if (check) console.error(`lib/dashboard/vendor/${name} is not node_modules/${source}: run node scripts/vendor.js`);
  else fs.writeFileSync(file, wanted);
}
process.exitCode = check && stale > 0 ? 1 : 0;
