import { call } from './api.js';
import { $, ask, fillTable, h, say, setText } from './dom.js';
import { clock, span } from './format.js';
import { t, tOr } from './i18n.js';
import { nameOf } from './panels.js';

// A row is a card on a phone.
const PAGE = matchMedia('(max-width: 640px)').matches ? 10 : 25;
const REFRESH_MS = 2000;
const SEARCH_MS = 250;

const TONES = { failed: 'bad', running: 'good', delayed: 'warn' };

let cursor;
let asked = 0;
let canList = true;

/** Whether the store can list its jobs; where it cannot, an empty list does not say that there are none. */
export function showAbilities({ can }) {
  canList = can.list;
}

/** A job's row can be told anything; what became of it is said, and the list read again. */
async function act(command, text) {
  try {
    const answer = await command();
    say(t(text, { count: answer.retried }));
  } catch (error) {
    say(t('said.failed', { message: error.message }));
  }
  await readJobs();
}

async function cancel(job) {
  const body = [nameOf(job), t('ask.cancel.text')];
  if (!(await ask({ title: t('ask.cancel'), body, yes: t('cancel'), no: t('keep') }))) return;
  await act(() => call('POST', 'jobs/cancel', { key: job.key }), 'said.cancelled');
}

async function explain(job) {
  let lines;
  try {
    const { explanation } = await call('GET', `jobs/explain?key=${encodeURIComponent(job.key)}`);
    lines = linesOf(explanation);
  } catch (error) {
    lines = [t('said.failed', { message: error.message })];
  }
  await ask({ title: t('explain.title'), body: [nameOf(job), ...lines], no: t('close') });
}

function linesOf({ state, waits, ahead, owner, error }) {
  const lines = [t('explain.state', { state: tOr(`state.${state}`, state) })];
  for (const { reason, waitMs, chatId } of waits) {
    const named = tOr(`reason.${reason}`, reason) + (chatId === undefined ? '' : ` (${chatId})`);
    lines.push(
      waitMs === null
        ? t('explain.event', { reason: named })
        : t('explain.wait', { reason: named, time: span(waitMs) }),
    );
  }
  if (waits.length === 0 && error === undefined) lines.push(t('explain.none'));
  if (ahead > 0) lines.push(t('explain.ahead', { count: ahead }));
  if (owner !== undefined) lines.push(t('explain.owner', { owner }));
  if (error !== undefined) lines.push(`${error.code}: ${error.message}`);
  return lines;
}

function buttons(job) {
  const name = nameOf(job);
  const button = (text, run) =>
    h(
      'button',
      { type: 'button', className: 'small', onclick: () => run(job), 'aria-label': `${t(text)} ${name}` },
      t(text),
    );
  const out = [button('explain', explain)];
  if (job.state === 'failed' || job.state === 'delayed') {
    out.push(button('retry', () => act(() => call('POST', 'jobs/retry', { key: job.key }), 'said.retried')));
  }
  if (job.state !== 'failed') out.push(button('cancel', cancel));
  return h('span', {}, ...out);
}

function when(job) {
  if (job.runAtMs !== undefined) return `→ ${clock(job.runAtMs)}`;
  const at = job.endedAtMs ?? job.enqueuedAtMs;
  return at === undefined ? '–' : clock(at);
}

function show({ items, nextCursor }) {
  // Ingests and messages are no bot's.
  const ofBots = items.some(({ botSlug }) => botSlug !== undefined);
  const columns = [
    { label: t('job') },
    ...(ofBots ? [{ label: t('bot') }] : []),
    { label: t('state') },
    { label: t('tries'), className: 'num' },
    { label: t('when'), className: 'time' },
    { label: t('error') },
    { label: t('actions'), className: 'actions' },
  ];
  const rows = items.map((job) => {
    const state = h(
      'span',
      { className: 'badge', data: { tone: TONES[job.state] ?? '' } },
      tOr(`state.${job.state}`, job.state),
    );
    const error = job.error === undefined ? '' : `${job.error.code}: ${job.error.message}`;
    const whose = ofBots ? [job.botSlug ?? '–'] : [];
    const cells = [nameOf(job), ...whose, state, String(job.attempt ?? '–'), when(job), error, buttons(job)];
    return { key: job.key, stamp: `${document.documentElement.lang} ${job.state}`, cells };
  });
  $('jobs').hidden = rows.length === 0;
  $('no-jobs').hidden = rows.length > 0;
  setText($('no-jobs'), t(canList ? 'jobs.none' : 'jobs.unlisted'));
  fillTable($('jobs'), { caption: t('jobs.caption'), columns, rows });
  $('next').dataset.cursor = nextCursor ?? '';
  $('next').disabled = nextCursor === null;
  $('first').disabled = cursor === undefined;
}

/** Reads the page of jobs that is shown. An answer that comes late, after another question, is dropped. */
export async function readJobs() {
  const turn = ++asked;
  const query = new URLSearchParams({ limit: String(PAGE), state: $('state').value, search: $('search').value });
  if (cursor !== undefined) query.set('cursor', cursor);
  try {
    const page = await call('GET', `jobs?${query}`);
    if (turn === asked) show(page);
  } catch {
    // The link's own mark says that nothing is heard from the server.
  }
}

export function startJobs() {
  const anew = () => {
    cursor = undefined;
    return readJobs();
  };
  let typing;
  $('filter').addEventListener('submit', (event) => event.preventDefault());
  $('state').addEventListener('change', anew);
  $('search').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(anew, SEARCH_MS);
  });
  $('first').addEventListener('click', anew);
  $('next').addEventListener('click', () => {
    cursor = $('next').dataset.cursor || undefined;
    readJobs();
  });
  // Who reads a dialog, or looks elsewhere, needs no new list.
  setInterval(() => {
    if (!document.hidden && !$('dialog').open) readJobs();
  }, REFRESH_MS);
  readJobs();
}
