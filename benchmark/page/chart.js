'use strict';

// Horizontal bars as one SVG file: light and dark by the reader's own setting, without a script. The charting libraries that draw on a
// server weigh 20 to 55 MB for what is a rectangle and two texts a row.

const { digits } = require('../lib/markdown');

const WIDTH = 760;
const LABEL = 250;
const VALUE = 70;
const ROW = 22;
const HEAD = 34;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; font-size: 13px; }
  .note { fill: #59636e; }
  .peer { fill: #8c959f; }
  .ours { fill: #bc4c00; }
  .mine { font-weight: 600; }
  .whisker { stroke: #1f2328; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .peer { fill: #6e7681; }
    .ours { fill: #f0883e; }
    .whisker { stroke: #f0f6fc; }
  }`;

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const at = (value) => Number(value.toFixed(1));

function panelOf({ title, unit, better, bars }, top) {
  const room = WIDTH - LABEL - VALUE;
  // By the medians: one wild round must not press all the others into a corner. Its line ends at the edge then.
  const most = Math.max(...bars.map(({ spread }) => spread.median), Number.MIN_VALUE) * 1.1;
  const length = (value) => at((Math.min(Math.max(0, value), most) / most) * room);
  const lines = [
    `<text class="head" x="0" y="${top + 18}">${escaped(title)}</text>`,
    `<text class="note" x="${WIDTH}" y="${top + 18}" text-anchor="end">${escaped(unit)}, ${better} is better</text>`,
  ];
  bars.forEach(({ name, ours, spread }, index) => {
    const y = top + HEAD + index * ROW;
    const mine = ours ? ' class="mine"' : '';
    const middle = y + 7.5;
    lines.push(
      `<text${mine} x="${LABEL - 8}" y="${y + 12}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="${ours ? 'ours' : 'peer'}" x="${LABEL}" y="${y}" width="${Math.max(1, length(spread.median))}" height="15" rx="2"/>`,
    );
    if (spread.max > spread.min) {
      const [from, to] = [LABEL + length(spread.min), LABEL + length(spread.max)].map(at);
      lines.push(`<line class="whisker" x1="${from}" x2="${to}" y1="${middle}" y2="${middle}"/>`);
    }
    const end = at(LABEL + Math.max(length(spread.median), length(spread.max)) + 6);
    lines.push(`<text${mine} x="${end}" y="${y + 12}">${digits(spread.median)}</text>`);
  });
  return { lines, height: HEAD + bars.length * ROW + 14 };
}

/**
 * @param {string} title what the picture shows, for those who do not see it
 * @param {import('./panels.js').Panel[]} panels one below the other; each has its own scale
 * @returns {string} an SVG document
 */
function chart(title, panels) {
  const lines = [];
  let height = 0;
  for (const each of panels) {
    const drawn = panelOf(each, height);
    lines.push(...drawn.lines);
    height += drawn.height;
  }
  const spoken = panels.flatMap(({ title: of, unit, bars }) =>
    bars.map(({ name, spread }) => `${of}: ${name} ${digits(spread.median)} ${unit}`),
  );
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(spoken.join('; '))}</desc>`,
    `<style>${STYLE}\n</style>`,
    ...lines,
    '</svg>',
  ].join('\n')}\n`;
}

module.exports = { chart };
