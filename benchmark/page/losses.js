'use strict';

// The rows where we lose, found in the tables themselves: so that none is forgotten in the list of them. The marks are the tables' own:
// † a peer beats ours, **no** and the like: a promise that this run did not hold.

const MISSED = /\*\*(no|not met|missed)\*\*/;

const cellsOf = (line) =>
  line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());

const plain = (cell) => cell.replaceAll('**', '').replace(/ †$/, '');

/** The figures of a row that a peer has better than ours, each beside our own. */
function beaten(where, columns, cells, ours) {
  const better = cells.flatMap((cell, i) =>
    cell.endsWith('†') && i > 0
      ? [`${columns[i]} ${plain(cell)}${ours && ours !== cells ? ` against our ${plain(ours[i])}` : ''}`]
      : [],
  );
  const name = plain(cells[0]);
  return better.length > 0 || cells[0].endsWith('†')
    ? [`${where}: ${name}${better.length ? `: ${better.join('; ')}` : ' is faster'}`]
    : [];
}

function missed(where, columns, cells) {
  if (!cells.some((cell) => MISSED.test(cell))) return [];
  const said = cells
    .slice(1)
    .flatMap((cell, i) => (MISSED.test(cell) || cell === '–' ? [] : [`${columns[i + 1]} ${cell}`]));
  return [`${where}: ${plain(cells[0])}: ${said.join('; ')}`];
}

/**
 * @param {string} markdown what a benchmark printed
 * @returns {{ beaten: string[], missed: string[] }} where a peer beats ours, and the promises that were not held
 */
function losses(markdown) {
  const found = { beaten: [], missed: [] };
  let where = '';
  let table = null;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) {
      table = null;
      const title = /^#+ (.*)$/.exec(line)?.[1] ?? /^(.{3,120}):$/.exec(line)?.[1];
      if (title) where = title;
      if (MISSED.test(line)) found.missed.push(`${where}: ${line.replace(/^- /, '').replaceAll('**', '')}`);
      continue;
    }
    const cells = cellsOf(line);
    if (table === null) table = { columns: cells, ours: null };
    else if (!/^-+:?$/.test(cells[0])) {
      if (cells[0].includes('**warmpath') && table.ours === null) table.ours = cells;
      found.beaten.push(...beaten(where, table.columns, cells, table.ours));
      found.missed.push(...missed(where, table.columns, cells));
    }
  }
  return found;
}

module.exports = { losses };
