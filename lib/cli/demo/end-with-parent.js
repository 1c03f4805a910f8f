'use strict';

/**
 * Preloaded into the demo's app (`node --require`): standard input is a pipe from the demo, and closes when the demo dies, however it
 * died. The app then ends as on SIGTERM instead of staying behind.
 */
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.on('error', () => {});
process.stdin.resume();
// Listening for the end is no reason to stay alive.
process.stdin.unref?.();
