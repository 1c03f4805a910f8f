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

const short = (text) => (text.length > 12 ? `${text.slice(0, 12)}…` : text);

/** What a job is about, in a few words. */
export function nameOf({ kind, r2Key, fileName, sha256, key }) {
  return [kind, fileName ?? r2Key ?? (sha256 === undefined ? key : short(sha256))].filter(Boolean).join(' ');
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

export function showTiles({ queue, slots, rates, totals, recording }) {
  const minute = rates.succeeded.reduce((sum, value) => sum + value, 0);
  const tiles = [
    ['ready', number(queue.ready), queue.capacity === null ? '' : t('tile.of', { total: number(queue.capacity) })],
    ['delayed', number(queue.delayed), ''],
    ['running', number(slots.running), t('tile.of', { total: number(slots.total) })],
    ['rate', number(minute), ''],
    ['succeeded', number(totals.succeeded), ''],
    ['failed', number(totals.failed), '', totals.failed > 0 ? 'bad' : ''],
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
function showStored({ queue, worker, nothing }) {
  const lines = [];
  const reason = t(worker.mode === 'running' ? 'reason.turn' : 'reason.paused');
  if (queue.ready > 0) lines.push(t('waits.ready', { count: number(queue.ready), reason }));
  if (queue.delayed > 0) lines.push(t('waits.delayed', { count: number(queue.delayed) }));
  if (lines.length === 0 && nothing) lines.push(t('waits.none'));
  const text = lines.join('\n');
  if ($('held').dataset.text === text) return;
  $('held').dataset.text = text;
  $('held').replaceChildren(...lines.map((line) => h('li', {}, line)));
}

export function showWaits({ bots, throttled, worker, queue }) {
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
  fillTable($('bots'), { caption: t('waits'), columns, rows });
  showStored({ queue, worker, nothing: rows.length === 0 && throttled.length === 0 });
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

export function showErrors({ errors }) {
  const columns = [
    { label: t('class') },
    { label: t('code'), className: 'mono' },
    { label: t('count'), className: 'num' },
  ];
  const rows = errors.map((error) => {
    const badge = h('span', { className: 'badge', data: { tone: TONE[error.class] ?? '' } }, error.class);
    const cell = h('span', {}, badge, ` ${tOr(`class.${error.class}`, '')}`);
    return {
      key: `${error.class} ${error.code}`,
      stamp: document.documentElement.lang,
      cells: [cell, error.code, number(error.count)],
    };
  });
  $('errors').hidden = rows.length === 0;
  $('no-errors').hidden = rows.length > 0;
  fillTable($('errors'), { caption: t('errors'), columns, rows });
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
  const items = results.map(({ at, state, job, error, totalMs }) =>
    h(
      'li',
      {},
      h('span', { className: 'badge', data: { tone: tones[state] ?? '' } }, tOr(`result.${state}`, state)),
      h('span', { className: 'grow' }, [job.botSlug, nameOf(job), error?.code].filter(Boolean).join(' · ')),
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
