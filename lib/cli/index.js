'use strict';

const HELP = `warmpath <command>

  demo      warm up real media for three bots, end to end (warmpath demo --help)
  migrate   prepare a Postgres database for the durable store (warmpath migrate --help)

  --version, --help
`;

/** Loaded when asked for: each needs optional packages of its own. */
const COMMANDS = {
  demo: (argv) => require('./demo').runDemo(argv),
  migrate: (argv) => require('./migrate').runMigrate(argv),
};

/**
 * @param {string[]} argv the arguments after the program's name
 * @returns {Promise<number>} the exit code
 */
async function main(argv) {
  const [command, ...rest] = argv;
  if (command === '--version') {
    process.stdout.write(`${require('../../package.json').version}\n`);
    return 0;
  }
  if (command === undefined || command === '--help' || command === 'help') {
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
