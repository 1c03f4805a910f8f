'use strict';

const WIDTH = 30;

/**
 * A progress bar that redraws one line on a terminal, and prints a plain line for each tenth elsewhere (a log file, a pipe).
 * @param {NodeJS.WriteStream} out
 * @param {string} label
 */
function progressBar(out, label) {
  let printedTenth = -1;
  let drawn = false;
  const plain = (done, total) => {
    const tenth = Math.floor((done / total) * 10);
    if (tenth === printedTenth) return;
    printedTenth = tenth;
    out.write(`  ${label}: ${done}/${total}\n`);
  };
  const bar = (done, total, note) => {
    const filled = Math.round((done / total) * WIDTH);
    out.write(`\r\x1b[2K  ${label} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${done}/${total} ${note}`);
    drawn = true;
  };
  return {
    /** @param {number} done @param {number} total @param {string} [note] */
    update(done, total, note = '') {
      if (total === 0) return;
      if (out.isTTY) bar(done, total, note);
      else plain(done, total);
    },
    end() {
      if (drawn) out.write('\n');
      drawn = false;
    },
  };
}

module.exports = { progressBar };
