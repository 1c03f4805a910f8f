'use strict';

const mb = (bytes) => (bytes / 1e6).toFixed(1);

/** Columns are as wide as their widest cell; numbers stand to the right. */
function table(header, rows, rightAligned = []) {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column]).length)),
  );
  const line = (cells) =>
    cells
      .map((cell, column) => {
        const text = String(cell);
        return rightAligned.includes(column) ? text.padStart(widths[column]) : text.padEnd(widths[column]);
      })
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
    .map((text) => `  ${text}`)
    .join('\n');
}

const shorten = (fileId) => (fileId && fileId.length > 28 ? `${fileId.slice(0, 25)}...` : (fileId ?? '-'));

/**
 * One line a row of media_cache.
 * @param {object} options
 * @param {{ slug: string }[]} options.bots
 * @param {import('./media').MediaFile[]} options.files
 * @param {Map<string, object>} options.rows by kind:sha256:bot
 * @param {Map<string, object>} options.jobs the app's log line of each job that succeeded, by the same key
 */
function mediaTable({ bots, files, rows, jobs }) {
  const lines = [];
  for (const bot of bots) {
    for (const file of files) {
      const key = `${file.kind}:${file.sha256}:${bot.slug}`;
      const job = jobs.get(key);
      const row = rows.get(key);
      // Apps log no route while there is only one.
      const route = job?.route ?? (job ? 'stream' : '-');
      lines.push([bot.slug, file.kind, file.name, route, file.bytes, shorten(row?.file_id), job?.total_ms ?? '-']);
    }
  }
  return table(['bot', 'kind', 'file', 'route', 'bytes', 'file_id', 'ms'], lines, [4, 6]);
}

const PHASES = [
  ['waiting in the queue', 'media_prewarm_queue_wait_ms'],
  ['download from S3', 'media_prewarm_download_ms'],
  ['send to Telegram', 'media_prewarm_send_ms'],
  ['whole job', 'media_prewarm_latency_ms'],
];

function phaseTable(phases) {
  const round = (value) => (value === undefined ? '-' : value.toFixed(1));
  const lines = PHASES.filter(([, name]) => phases[name]).map(([label, name]) => {
    const { p50, p95, p99 } = phases[name];
    return [label, round(p50), round(p95), round(p99)];
  });
  return table(['phase (ms)', 'P50', 'P95', 'P99'], lines, [1, 2, 3]);
}

/** @param {{ jobs: number, bytes: number, elapsedMs: number, diagnostics: object }} figures */
function summary({ jobs, bytes, elapsedMs, diagnostics }) {
  const seconds = elapsedMs / 1000;
  const { event_loop_delay_ms: loop, rss_bytes: rss } = diagnostics;
  return [
    `  throughput: ${jobs} media, ${mb(bytes)} MB in ${seconds.toFixed(2)} s = ${(jobs / seconds).toFixed(1)} media/s, ${mb(bytes / seconds)} MB/s`,
    `  app's event-loop delay: P50 ${loop.p50.toFixed(2)} ms, P99 ${loop.p99.toFixed(2)} ms, max ${loop.max.toFixed(2)} ms`,
    `  app's memory: peak RSS ${mb(rss.peak)} MB (${mb(rss.start)} MB before the first job)`,
  ].join('\n');
}

module.exports = { mediaTable, phaseTable, summary };
