import { $, fillTable, h, setText } from './dom.js';
import { bytes, clock, number, percent, span } from './format.js';
import { t, tOr } from './i18n.js';

const TONE = {
  transient: 'warn',
  throttled: 'warn',
  ambiguous: 'warn',
  cancelled: '',
  permanent: 'bad',
  config: 'bad',
  bug: 'bad',
};

/** A code breaks where a reader would break it. */
const codeOf = (code) =>
  h('span', {}, ...code.split(/(?<=_)/).flatMap((part, i) => (i === 0 ? [part] : [h('wbr'), part])));

const short = (text) => (text.length > 12 ? `${text.slice(0, 12)}…` : text);

/** What a job is about, in a few words: of an ingest and of a message there is only the key, and whose it is. */
export function nameOf({ kind, r2Key, fileName, sha256, session, key }) {
  return [session, kind, fileName ?? r2Key ?? (sha256 === undefined ? key : short(sha256))].filter(Boolean).join(' ');
}

export function showHead(state) {
  const { worker, health, can } = state;
  setText($('name'), `warmpath ${worker.name}`);
  setText($('mode'), t(`mode.${worker.mode}`));
  $('mode').dataset.mode = worker.mode;
  const reasons = (health?.reasons ?? []).map(({ code, message }) => tOr(`health.${code}`, message));
  const problem = state.problems.find(({ at }) => worker.now - at < 30_000);
  if (problem !== undefined) reasons.push(problem.error.message);
  $('notice').hidden = reasons.length === 0;
  setText($('notice'), reasons.join(' '));
  const { mode } = worker;
  $('start').hidden = mode !== 'idle';
  $('stop').hidden = mode === 'idle';
  $('stop').disabled = mode === 'stopping';
  $('pause').disabled = mode !== 'running' && mode !== 'draining';
  $('resume').disabled = mode !== 'paused' && mode !== 'draining';
  $('drain').disabled = mode !== 'running' && mode !== 'paused';
  $('purge-queued').hidden = !can.purge;
  if (document.activeElement !== $('slots')) $('slots').value = state.slots.total;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

export function showTiles({ queue, slots, rates, totals, recording }) {
  const [minute, failedLately] = [sum(rates.succeeded), sum(rates.failed)];
  const tiles = [
    ['ready', number(queue.ready), queue.capacity === null ? '' : t('tile.of', { total: number(queue.capacity) })],
    ['delayed', number(queue.delayed), ''],
    ['running', number(slots.running), t('tile.of', { total: number(slots.total) })],
    ['rate', number(minute), ''],
    ['succeeded', number(totals.succeeded), ''],
    [
      'failed',
      number(totals.failed),
      failedLately > 0 ? t('tile.lately', { count: number(failedLately) }) : '',
      totals.failed > 0 ? 'bad' : '',
    ],
    ['bytes', bytes(totals.bytesOut), ''],
  ];
  if (recording > 0) tiles.push(['recording', number(recording), '', 'bad']);
  const list = $('tiles');
  for (const [name, value, note, tone = ''] of tiles) {
    let tile = list.querySelector(`[data-tile="${name}"]`);
    if (tile === null) {
      tile = h('div', { className: 'tile', data: { tile: name } }, h('dt'), h('dd', {}, h('span'), ' ', h('small')));
      list.append(tile);
    }
    tile.dataset.tone = tone;
    setText(tile.querySelector('dt'), t(`tile.${name}`));
    setText(tile.querySelector('span'), value);
    setText(tile.querySelector('small'), note);
  }
  if (recording === 0) list.querySelector('[data-tile="recording"]')?.remove();
}

/** What waits in the store has no bot's pacing to wait for: it is not claimed yet. */
function showStored({ queue, worker, rates, nothing }) {
  const lines = [];
  const running = worker.mode === 'running';
  const reason = t(running ? 'reason.turn' : 'reason.paused');
  // As long as it goes on as in the last minute; nobody knows better.
  const aSecond = (sum(rates.succeeded) + sum(rates.failed)) / rates.seconds;
  const left = running && aSecond > 0 ? t('waits.left', { time: span((queue.ready / aSecond) * 1000) }) : '';
  if (queue.ready > 0) lines.push(t('waits.ready', { count: number(queue.ready), reason }) + left);
  if (queue.delayed > 0) lines.push(t('waits.delayed', { count: number(queue.delayed) }));
  if (lines.length === 0 && nothing) lines.push(t('waits.none'));
  const text = lines.join('\n');
  if ($('held').dataset.text === text) return;
  $('held').dataset.text = text;
  $('held').replaceChildren(...lines.map((line) => h('li', {}, line)));
}

export function showWaits({ bots, later, throttled, worker, queue, rates }) {
  const columns = [
    { label: t('bot') },
    { label: t('running'), className: 'num' },
    { label: t('waiting'), className: 'num' },
    { label: t('oldest'), className: 'num' },
    { label: t('why') },
    { label: t('until'), className: 'num' },
  ];
  const rows = bots.map(({ botSlug, running, waiting, oldestMs, wait }) => ({
    key: botSlug,
    cells: [
      botSlug || '–',
      number(running),
      number(waiting),
      waiting > 0 ? span(oldestMs) : '–',
      wait === null ? '–' : tOr(`reason.${wait.reason}`, wait.reason),
      wait === null || wait.waitMs === null ? '–' : clock(worker.now + wait.waitMs),
    ],
  }));
  $('bots').hidden = rows.length === 0;
  $('h-bots').hidden = rows.length === 0;
  fillTable($('bots'), { caption: t('waits.here'), columns, rows });
  showStored({ queue, worker, rates, nothing: rows.length === 0 && throttled.length === 0 });
  showLater(later ?? []);
  const lines = throttled.map(({ botId, botSlug, chatId, pace, blockedMs }) => {
    const who = { bot: botSlug ?? botId, chat: chatId };
    const what = [t(chatId === undefined ? 'throttled.bot' : 'throttled.chat', who)];
    if (pace < 1) what.push(t('throttled.pace', { pace: percent(pace) }));
    if (blockedMs !== undefined) what.push(t('throttled.blocked', { time: clock(worker.now + blockedMs) }));
    return what.join(', ');
  });
  const text = lines.join('\n');
  if ($('throttled').dataset.text === text) return;
  $('throttled').dataset.text = text;
  const list = h('ul', { className: 'plain' }, ...lines.map((line) => h('li', {}, line)));
  $('throttled').replaceChildren(...(lines.length === 0 ? [] : [h('h3', {}, t('throttled')), list]));
}

/** What waits for its time: until when the next of them, and until when the last. */
function showLater(later) {
  const ofBots = later.some(({ botSlug }) => botSlug !== undefined);
  const columns = [
    ...(ofBots ? [{ label: t('bot') }] : []),
    { label: t('why') },
    { label: t('later.count'), className: 'num' },
    { label: t('later.next'), className: 'num' },
    { label: t('later.last'), className: 'num' },
  ];
  const rows = later.map(({ botSlug, code, count, nextAtMs, lastAtMs }) => ({
    key: `${botSlug ?? ''} ${code ?? ''}`,
    cells: [
      ...(ofBots ? [botSlug ?? '–'] : []),
      code === undefined ? t('later.none') : tOr(`later.${code}`, code),
      number(count),
      clock(nextAtMs),
      clock(lastAtMs),
    ],
  }));
  $('later').hidden = rows.length === 0;
  fillTable($('later'), { caption: t('tile.delayed'), columns, rows });
}

export function showErrors({ errors, worker }) {
  const columns = [
    { label: t('class') },
    { label: t('code'), className: 'mono' },
    { label: t('count'), className: 'num' },
    { label: t('last'), className: 'num' },
  ];
  const rows = errors.map((error) => {
    const badge = h('span', { className: 'badge', data: { tone: TONE[error.class] ?? '' } }, error.class);
    const cell = h('span', {}, badge, h('small', { className: 'note' }, tOr(`class.${error.class}`, '')));
    const what = h('span', {}, codeOf(error.code), h('small', { className: 'note message' }, error.message ?? ''));
    return {
      key: `${error.class} ${error.code}`,
      stamp: `${document.documentElement.lang} ${error.message}`,
      cells: [cell, what, number(error.count), error.lastAtMs === undefined ? '–' : ago(worker.now - error.lastAtMs)],
    };
  });
  $('errors').hidden = rows.length === 0;
  $('no-errors').hidden = rows.length > 0;
  fillTable($('errors'), { caption: t('errors'), columns, rows });
}

/** How long ago, in steps that do not change every second. */
function ago(ms) {
  if (ms < 10_000) return t('ago.now');
  return t('ago', { time: span(ms < 60_000 ? Math.floor(ms / 10_000) * 10_000 : Math.floor(ms / 60_000) * 60_000) });
}

export function showPhases({ phases }) {
  const columns = [{ label: t('phase') }, ...['P50', 'P95', 'P99'].map((label) => ({ label, className: 'num' }))];
  const rows = Object.entries(phases).map(([phase, { p50, p95, p99 }]) => ({
    key: phase,
    cells: [tOr(`phase.${phase}`, phase), span(p50), span(p95), span(p99)],
  }));
  fillTable($('phases'), { caption: `${t('phases')}, ${t('phases.note')}`, columns, rows });
}

export function showRecent({ results }) {
  const stamp = `${document.documentElement.lang} ${results[0]?.seq ?? 0}`;
  if ($('recent').dataset.stamp === stamp) return;
  $('recent').dataset.stamp = stamp;
  const tones = { done: 'good', dead: 'bad', retry: 'warn' };
  const items = results.map(({ at, key, state, job, error, totalMs }) =>
    h(
      'li',
      {},
      h('span', { className: 'badge', data: { tone: tones[state] ?? '' } }, tOr(`result.${state}`, state)),
      h('span', { className: 'grow' }, [job.botSlug, nameOf({ ...job, key }), error?.code].filter(Boolean).join(' · ')),
      h('span', { className: 'num quiet' }, totalMs === undefined ? clock(at) : span(totalMs)),
    ),
  );
  $('recent').replaceChildren(...(items.length > 0 ? items : [h('li', { className: 'quiet' }, t('recent.none'))]));
}

export function showInstances({ instances }) {
  $('instances-card').hidden = instances === null;
  if (instances === null) return;
  const columns = ['host', 'lanes', 'since', 'seen', 'live'].map((name) => ({ label: t(name) }));
  const rows = instances.map(({ id, host, pid, lanes, startedAt, seenAt, live }) => ({
    key: id,
    cells: [
      `${host} (${pid})`,
      lanes.length > 8 ? `${lanes.slice(0, 8).join(', ')} … (${lanes.length})` : lanes.join(', '),
      clock(Date.parse(startedAt)),
      clock(Date.parse(seenAt)),
      t(live ? 'yes' : 'no'),
    ],
  }));
  fillTable($('instances'), { caption: t('instances'), columns, rows });
}

export function showFoot({ worker, process }) {
  const values = {
    version: worker.version,
    ...process,
    rss: bytes(process.rssBytes),
    loop: percent(process.eventLoop),
  };
  setText($('foot'), t('foot', values));
}
