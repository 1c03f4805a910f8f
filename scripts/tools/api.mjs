// Writes docs/api from the declarations: TypeDoc, one Markdown page an entry point. `--check` fails where it is not fresh.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Application } from 'typedoc';

const root = path.join(import.meta.dirname, '..', '..');
const target = path.join(root, 'docs', 'api');
const { exports } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const entryPoints = Object.values(exports).flatMap((entry) =>
  entry.types === undefined ? [] : [path.join(root, entry.types)],
);

/** Renders into `out`; throws where TypeDoc finds fault with a comment. */
async function render(out) {
  const app = await Application.bootstrapWithPlugins({
    entryPoints,
    out,
    name: 'warmpath',
    basePath: root,
    tsconfig: path.join(import.meta.dirname, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    readme: 'none',
    excludeExternals: true,
    excludePrivate: true,
    disableSources: true,
    hideGenerator: true,
    sort: ['source-order'],
    // Only what TypeDoc cannot understand is an error; types that are used and not exported are named as they are.
    validation: { notExported: false, invalidLink: true, notDocumented: false },
    treatValidationWarningsAsErrors: true,
    logLevel: 'Warn',
    router: 'module',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    entryFileName: 'README',
    useCodeBlocks: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    propertyMembersFormat: 'table',
    typeDeclarationFormat: 'table',
    typeDeclarationVisibility: 'compact',
    expandObjects: false,
    tableColumnSettings: { hideInherited: true, hideOverrides: true, hideSources: true, hideModifiers: true },
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc could not read the declarations');
  // By the name that they are imported by, which is the name of their page too.
  for (const module of project.children) {
    const file = `./${module.name}.d.ts`;
    const [name] = Object.entries(exports).find(
      ([, { types }]) => types === file || types === file.replace('.d.ts', '/index.d.ts'),
    );
    module.name = name === '.' ? 'warmpath' : name.replace('./', '');
  }
  app.validate(project);
  if (app.logger.hasErrors()) throw new Error('TypeDoc found errors');
  await app.generateOutputs(project);
}

const filesOf = (folder) =>
  fs.existsSync(folder)
    ? fs
        .readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
        .sort()
    : [];

const out = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-api-'));
try {
  await render(out);
  const made = filesOf(out);
  if (process.argv.includes('--check')) {
    const there = filesOf(target);
    const stale = [...new Set([...made, ...there])].filter((name) => {
      if (!made.includes(name) || !there.includes(name)) return true;
      return !fs.readFileSync(path.join(out, name)).equals(fs.readFileSync(path.join(target, name)));
    });
    if (stale.length > 0) {
      console.error(`docs/api is not fresh (node scripts/tools.js api): ${stale.join(', ')}`);
      process.exitCode = 1;
    } else console.log(`docs/api: ${made.length} pages are fresh`);
  } else {
    fs.rmSync(target, { recursive: true, force: true });
    fs.cpSync(out, target, { recursive: true });
    console.log(`docs/api: ${made.length} pages`);
  }
} finally {
  fs.rmSync(out, { recursive: true, force: true });
}
