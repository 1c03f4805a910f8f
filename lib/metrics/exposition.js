'use strict';

const { Histogram } = require('./histogram.js');

/**
 * Writes metric families as Prometheus text.
 *
 * A family is `{ name, help, type: 'counter' | 'gauge' | 'histogram', samples: [{ labels, value }] }`; the value of a histogram
 * is a {@link Histogram}.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const escapeHelp = (text) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text) => escapeHelp(text).replaceAll('"', '\\"');

function labelText(labels) {
  const parts = Object.entries(labels ?? {})
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}="${escapeLabel(String(value))}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function number(value) {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return Number.isNaN(value) ? 'NaN' : String(value);
}

function* sampleLines(name, { labels, value }) {
  if (!(value instanceof Histogram)) {
    yield `${name}${labelText(labels)} ${number(value)}`;
    return;
  }
  for (const [bound, count] of value.buckets()) {
    yield `${name}_bucket${labelText({ ...labels, le: number(bound) })} ${count}`;
  }
  yield `${name}_sum${labelText(labels)} ${number(value.sum)}`;
  yield `${name}_count${labelText(labels)} ${value.count}`;
}

/** A family that several workers have is written once, with the samples of all: a name may have only one HELP. */
function merged(families) {
  const byName = new Map();
  for (const family of families) {
    const known = byName.get(family.name);
    if (known === undefined) byName.set(family.name, { ...family, samples: [...family.samples] });
    else known.samples.push(...family.samples);
  }
  return byName.values();
}

/** @param {object[]} families @returns {string} */
function toText(families) {
  const lines = [];
  for (const family of merged(families)) {
    if (family.samples.length === 0) continue;
    lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`);
    for (const sample of family.samples) lines.push(...sampleLines(family.name, sample));
  }
  return `${lines.join('\n')}\n`;
}

module.exports = { toText, CONTENT_TYPE };
