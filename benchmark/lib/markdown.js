'use strict';

/** @returns {string} a Markdown table */
function table(columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = `|${columns.map((_, index) => (index === 0 ? '---' : '---:')).join('|')}|`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}

/** Three significant digits, without an exponent. */
function digits(value) {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 3, useGrouping: false });
}

/** `median (min–max)`; a dash where nothing was measured. */
function range(spread, unit = 1) {
  if (spread === null) {
    return '–';
  }
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => digits(value / unit));
  return min === max ? median : `${median} (${min}–${max})`;
}

/** Bytes as people say them: sizes of files in KB and MB of 1024. */
function bytes(count) {
  return count < 1 << 20 ? `${count / 1024} KB` : `${count / (1 << 20)} MB`;
}

module.exports = { bytes, digits, range, table };
