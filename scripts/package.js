'use strict';

// Lays out the packages to publish: `node scripts/package.js [--addons FOLDER] [--out FOLDER] [--all]`, and prints their folders in
// the order in which they are published.
//
//   --addons   where the .node files are (target/addons, where scripts/artifact.js puts them)
//   --out      where the packages go (target/packages)
//   --all      fails unless every platform has its addon: a release

const path = require('node:path');
const { parseArgs } = require('node:util');
const { stage } = require('./package/stage.js');

const root = path.join(__dirname, '..');

const { values } = parseArgs({
  options: {
    addons: { type: 'string', default: path.join(root, 'target', 'addons') },
    out: { type: 'string', default: path.join(root, 'target', 'packages') },
    all: { type: 'boolean', default: false },
  },
});
for (const folder of stage(values)) console.log(folder);
