'use strict';

// What a rehearsal says: a line for each step while it runs, and all of them as one table at its end.

const { Unavailable } = require('./roots.js');

/** What the app prints is one JSON object: shorter, for a table. @param {unknown} note @returns {string} */
function brief(note) {
  if (typeof note !== 'string' || !note.startsWith('{')) return note ?? '';
  const { node, libc, refused, warmed } = JSON.parse(note.trim().split('\n').at(-1));
  const system = /^\d/.test(libc ?? '') ? `, glibc ${libc}` : '';
  return `Node ${node}${system}: ${refused ? 'refused, with the reason' : `all of it, ${warmed} bytes over TLS among it`}`;
}

class Report {
  /** @type {{ title: string, outcome: 'passed' | 'failed' | 'skipped', seconds: number, note: string }[]} */
  rows = [];

  /**
   * Runs a step and prints how it went. `Unavailable` is a step that this machine cannot do: skipped, loudly; anything else thrown is a
   * failure.
   * @param {string} title @param {() => unknown} work what it answers is noted @returns {Promise<boolean>} it passed
   */
  async step(title, work) {
    const start = performance.now();
    const row = { title, outcome: 'passed', seconds: 0, note: '' };
    try {
      row.note = brief(await work());
    } catch (error) {
      row.outcome = error instanceof Unavailable ? 'skipped' : 'failed';
      row.note = error.message.split('\n')[0];
      if (row.outcome === 'failed') console.log(error.stack.replace(/^/gm, '         '));
    }
    row.seconds = (performance.now() - start) / 1000;
    this.rows.push(row);
    const note = row.note && `: ${row.note}`;
    console.log(`${row.outcome.toUpperCase().padEnd(8)} ${title} (${row.seconds.toFixed(1)} s)${note}`);
    return row.outcome === 'passed';
  }

  count(outcome) {
    return this.rows.filter((row) => row.outcome === outcome).length;
  }

  /** As Markdown, so that it can be kept. @returns {string} */
  table() {
    const lines = this.rows.map(
      ({ title, outcome, seconds, note }) =>
        `| ${title} | ${outcome} | ${seconds.toFixed(1)} s | ${note.replaceAll('|', '\\|')} |`,
    );
    return ['| step | outcome | time | |', '|---|---|---:|---|', ...lines].join('\n');
  }
}

module.exports = { Report };
