'use strict';

const HELP = `warmpath <command>

  demo      warm up real media for three bots, end to end (warmpath demo --help)
  doctor    look at everything a worker needs, and say how to mend what is wrong
  migrate   prepare a Postgres database for the durable store
  warm      warm up a list of media, and wait until each has its file_id
  stats     what a running server does now; --watch
  report    how the prewarming goes, from the server and the database
  bench     what signing and queueing cost on this machine
  sign      the SigV4 headers or the presigned URL of a request

  warmpath <command> --help tells the rest

  --version, -v; --help, -h
`;

/** Loaded when asked for: each needs optional packages of its own. */
const COMMANDS = {
  demo: (argv) => require('./demo').runDemo(argv),
  doctor: (argv) => require('./doctor').runDoctor(argv),
  migrate: (argv) => require('./migrate').runMigrate(argv),
  warm: (argv) => require('./warm').runWarm(argv),
  stats: (argv) => require('./stats').runStats(argv),
  report: (argv) => require('./report').runReport(argv),
  bench: (argv) => require('./bench').runBench(argv),
  sign: (argv) => require('./sign').runSign(argv),
};

/**
 * @param {string[]} argv the arguments after the program's name
 * @returns {Promise<number>} the exit code
 */
async function main(argv) {
  const [command, ...rest] = argv;
  // `help stats` is how other programs say `stats --help`.
  if (command === 'help' && Object.hasOwn(COMMANDS, rest[0])) return COMMANDS[rest[0]](['--help']);
  if (command === '--version' || command === '-v') {
    process.stdout.write(`${require('../../package.json').version}\n`);
    return 0;
  }
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    process.stdout.write(HELP);
    return command === undefined ? 2 : 0;
  }
  if (!Object.hasOwn(COMMANDS, command)) {
    process.stderr.write(`unknown command: ${command}\n\n${HELP}`);
    return 2;
  }
  return COMMANDS[command](rest);
}

module.exports = { main };
