'use strict';

// Where the native addon cannot be loaded: importing works, whatever needs it says why, and the doctor too.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { root, builtAddon, plant, copyPackage } = require('./support/addon-files.js');

function node(script, { cwd = root, env = {}, args = [] } = {}) {
  return spawnSync(process.execPath, [...args, '-e', script], {
    cwd,
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, WARMPATH_NATIVE_PATH: '', ...env },
  });
}

const CONSTRUCT = `const { Queue } = require('.');
  try { new Queue(); console.log('loaded'); } catch (error) { console.log(JSON.stringify({ code: error.code, class: error.class, message: error.message })); }`;

/** What constructing a class says. */
function refusal(options) {
  const { stdout, stderr, signal } = node(CONSTRUCT, options);
  assert.equal(signal, null, stderr);
  assert.match(stdout, /^\{/, `it loaded: ${stdout}${stderr}`);
  const error = JSON.parse(stdout);
  assert.equal(error.code, 'ERR_WARMPATH_NATIVE_LOAD');
  for (const line of ['Machine: ', 'Wanted: ', 'Reason: ', 'To do: '])
    assert.ok(error.message.includes(line), error.message);
  assert.ok(error.message.includes(`${process.platform} ${process.arch}`), error.message);
  return error.message;
}

const wrong = (file) => refusal({ env: { WARMPATH_NATIVE_PATH: file } });

test('files in the place of the addon: each refusal names what is wrong', (t) => {
  const { file } = plant(t);
  assert.match(wrong(file('missing.node')), /Reason: .*missing\.node is not there/);
  assert.match(
    wrong(file('garbage.node')),
    /garbage\.node \(4096 bytes\) is damaged or no addon at all; .*invalid ELF header/,
  );
  assert.match(wrong(file('empty.node')), /empty\.node \(0 bytes\) is damaged/);
  assert.match(wrong(file('arch.node')), new RegExp(`made for linux \\w+, and this process is linux ${process.arch}`));
  assert.match(wrong(file('old.node')), /lacks errorTable: it was built from another version/);
  assert.match(wrong(file('missing.node')), /WARMPATH_NATIVE_PATH=.*missing\.node/);
});

test('a file that was cut short is refused, and does not kill the process', (t) => {
  const { file } = plant(t);
  assert.match(wrong(file('cut.node')), /is damaged or no addon at all; the file is cut short/);
});

test('a newer glibc than there is: both versions, and the reason of dlopen', (t) => {
  if (process.report.getReport().header.glibcVersionRuntime === undefined) return t.skip('not on glibc');
  const message = wrong(plant(t).file('glibc.node'));
  const { glibcVersionRuntime } = process.report.getReport().header;
  assert.ok(message.includes(`needs glibc 9.99, and this process has ${glibcVersionRuntime}`), message);
  assert.match(message, /version `GLIBC_9\.99' not found/);
});

test('nothing is installed: the package that is missing, by the name that the loader knows', (t) => {
  const dir = copyPackage(path.join(plant(t).dir, 'bare'), { addon: false });
  const name = path.basename(builtAddon(), '.node').replace('.', '-');
  const message = refusal({ cwd: dir });
  assert.ok(message.includes(`Reason: ${name} is not installed`), message);
  assert.match(message, /--omit=optional/);
  assert.doesNotMatch(message, /wasi|issues\/4828/);
});

test('a process on musl wants the package for musl', (t) => {
  const dir = copyPackage(path.join(plant(t).dir, 'musl'), { addon: false });
  const stub = path.join(dir, 'stub.js');
  // As Alpine reports itself: no version of glibc, and musl among the objects.
  fs.writeFileSync(
    stub,
    `process.report.getReport = () => ({ header: {}, sharedObjects: ['/lib/ld-musl-x86_64.so.1'] });
     const fs = require('node:fs'); const read = fs.readFileSync;
     fs.readFileSync = (file, ...rest) => file === '/usr/bin/ldd' ? 'musl libc' : read(file, ...rest);`,
  );
  const message = refusal({ cwd: dir, args: ['-r', stub] });
  assert.ok(message.includes(`Wanted: warmpath-linux-${process.arch}-musl`), message);
  assert.match(message, /Machine: linux \w+, musl, Node/);
  // And the file for glibc in its place: said so, instead of what the loader of libraries makes of it.
  const other = refusal({ cwd: root, args: ['-r', stub], env: { WARMPATH_NATIVE_PATH: plant(t).file('glibc.node') } });
  assert.match(other, /is made for glibc, and this process runs on musl/);
});

test('WARMPATH_NATIVE_PATH: any name, relative paths, and a failure is not kept', (t) => {
  const { dir, file } = plant(t);
  for (const [at, cwd] of [
    [file('copy.node'), root],
    [file('named.so'), root],
    [path.relative(root, file('copy.node')), root],
  ]) {
    const { stdout, stderr } = node(CONSTRUCT, { cwd, env: { WARMPATH_NATIVE_PATH: at } });
    assert.equal(stdout, 'loaded\n', stderr);
  }
  const again = node(
    `const { Queue } = require(${JSON.stringify(root)});
     try { new Queue(); } catch (error) { console.log(error.code); }
     process.env.WARMPATH_NATIVE_PATH = ${JSON.stringify(file('copy.node'))};
     console.log(new Queue().length);`,
    { cwd: dir, env: { WARMPATH_NATIVE_PATH: file('missing.node') } },
  );
  assert.equal(again.stdout, 'ERR_WARMPATH_NATIVE_LOAD\n0\n', again.stderr);
});

test('every entry point imports without the addon, by require and by import', (t) => {
  const { exports } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const names = Object.keys(exports)
    .filter((name) => name !== './package.json')
    .map((name) => path.posix.join('warmpath', name));
  const env = { WARMPATH_NATIVE_PATH: plant(t).file('missing.node') };
  const script = `(async () => {
    for (const name of ${JSON.stringify(names)}) {
      const required = require(name);
      const imported = await import(name);
      if (imported.default !== required) throw new Error(name + ' is another when imported');
      console.log(name);
    }
  })()`;
  const { stdout, stderr, status } = node(script, { env });
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.trim().split('\n'), names);
});

// What each export says when the addon is not there, called as its users call it.
const S3 = { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
const LLM = { apiKey: 'k', models: ['m'] };
const NEEDING = {
  Queue: 'new w.Queue()',
  'a shared Queue': `new w.Queue({ name: 'n' })`,
  SigV4Signer: `new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' })`,
  PrewarmExecutor: `new w.PrewarmExecutor({ s3: ${JSON.stringify(S3)} })`,
  IngestExecutor: `new w.IngestExecutor({ dir: '/tmp' })`,
  CampaignExecutor: `new w.CampaignExecutor({ llm: ${JSON.stringify(LLM)} })`,
  PrewarmWorker: `new w.PrewarmWorker({ store: new w.MemoryStore(), s3: ${JSON.stringify(S3)}, resolveBot: () => null })`,
  splitMessage: `w.splitMessage('a text')`,
  parseSplitResponse: `w.parseSplitResponse('[]', 'a text')`,
  uploadMany: `w.uploadMany([], { s3: ${JSON.stringify(S3)} })`,
  'compat/r2Service': `require('warmpath/compat/r2Service').downloadMedia('key')`,
  aws4: `require('warmpath/aws4').sign({ host: 's3.amazonaws.com', path: '/' }, { accessKeyId: 'a', secretAccessKey: 's' })`,
};

test('whatever needs the addon throws the typed error, and the process lives', (t) => {
  const env = {
    WARMPATH_NATIVE_PATH: plant(t).file('missing.node'),
    R2_ENDPOINT: S3.endpoint,
    R2_BUCKET: 'b',
    R2_ACCESS_KEY_ID: 'a',
    R2_SECRET_ACCESS_KEY: 's',
  };
  const calls = Object.entries(NEEDING).map(([name, call]) => `[${JSON.stringify(name)}, async () => ${call}]`);
  const script = `const w = require('warmpath');
    (async () => {
      for (const [name, call] of [${calls.join(',')}]) {
        const code = await call().then(() => 'it worked', (error) => error instanceof w.WarmpathError ? error.code : error.stack);
        console.log(name + ': ' + code);
      }
    })()`;
  const { stdout, stderr, status } = node(script, { env });
  assert.equal(status, 0, stderr);
  assert.deepEqual(
    stdout.trim().split('\n'),
    Object.keys(NEEDING).map((name) => `${name}: ERR_WARMPATH_NATIVE_LOAD`),
  );
});

test('the doctor explains it', (t) => {
  const env = { ...process.env, WARMPATH_NATIVE_PATH: plant(t).file('garbage.node') };
  const bin = path.join(root, 'bin', 'warmpath.js');
  const { stdout, status } = spawnSync(process.execPath, [bin, 'doctor', '--offline'], { encoding: 'utf8', env });
  assert.equal(status, 1);
  assert.match(stdout, /FAIL {2}addon: .*garbage\.node \(4096 bytes\) is damaged/);
  assert.match(stdout, /fix: Correct WARMPATH_NATIVE_PATH/);
});

test('importing reads one file, loads no addon and starts no thread', () => {
  const { stdout, stderr } = node(`
    const fs = require('node:fs');
    const threads = () => (process.platform === 'linux' ? fs.readdirSync('/proc/self/task').length : 0);
    const before = threads();
    const w = require('warmpath');
    const files = Object.keys(require.cache).length;
    for (const value of Object.values(w)) if (typeof value !== 'function') throw new Error('an export of another sort');
    const addons = Object.keys(require.cache).filter((name) => name.endsWith('.node'));
    console.log(JSON.stringify([files, addons, threads() - before]));`);
  assert.equal(stdout, '[1,[],0]\n', stderr);
});

test('the names that the lexer of Node reads are those of the table', async () => {
  const required = require('..');
  const imported = await import('../index.js');
  const names = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports');
  assert.deepEqual(names.sort(), Object.keys(required).sort());
  for (const name of names) assert.equal(imported[name], required[name]);
});
