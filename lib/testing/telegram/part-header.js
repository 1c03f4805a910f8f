'use strict';

/**
 * Reads the headers of one multipart part leniently, as the Bot API does: real clients write them in lower case,
 * without spaces, and grammY even writes the file name without quotes.
 *
 * @param {Record<string, string[]>} header lower-case names, values as latin1
 * @returns {{ name: string, fileName?: string, contentType?: string, raw: Record<string, string> } | null} null when the
 *   part has no name
 */
function readPartHeader(header) {
  const raw = {};
  for (const [name, values] of Object.entries(header)) {
    raw[name] = Buffer.from(values.join(', '), 'latin1').toString('utf8');
  }
  const disposition = raw['content-disposition'] ?? '';
  if (!/^\s*form-data\s*(;|$)/i.test(disposition)) return null;
  const name = parameter(disposition, 'name');
  if (name === undefined) return null;
  const contentType = raw['content-type']?.split(';')[0].trim().toLowerCase();
  return { name, fileName: fileNameOf(disposition), contentType, raw };
}

/** The value of a parameter, quoted or not; what is not quoted ends at the next semicolon. */
function parameter(disposition, name) {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;]*))`, 'i').exec(disposition);
  if (!match) return undefined;
  return match[1] === undefined ? match[2].trim() : unquote(match[1]);
}

const unquote = (text) =>
  text
    .replace(/\\(["\\])/g, '$1')
    .replace(/%22/g, '"')
    .replace(/%0D/gi, '')
    .replace(/%0A/gi, '');

function fileNameOf(disposition) {
  const extended = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;]*)/i.exec(disposition);
  if (extended) {
    try {
      return baseName(decodeURIComponent(extended[1].trim()));
    } catch {
      // Fall back to the plain form beside it.
    }
  }
  const quoted = /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:;|$)/i.exec(disposition);
  if (quoted) return baseName(unquote(quoted[1]));
  // Unquoted it is the last parameter, so the rest of the line is the name, semicolons and all.
  const bare = /;\s*filename\s*=\s*(.*)$/i.exec(disposition);
  return bare ? baseName(bare[1].trim()) : undefined;
}

/** A file name from outside is a label, never a path. */
const baseName = (name) => name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1).slice(0, 255);

module.exports = { readPartHeader };
