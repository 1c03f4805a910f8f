import { call } from './api.js';
import { $, ask, say } from './dom.js';
import { t } from './i18n.js';
import { readJobs } from './jobs.js';

async function run(command, text = 'said.done') {
  try {
    const answer = await command();
    say(t(text, { count: answer.retried ?? answer.purged }));
    await readJobs();
  } catch (error) {
    say(t('said.failed', { message: error.message }));
  }
}

const sure = (name, yes) => ask({ title: t(`ask.${name}`), body: [t(`ask.${name}.text`)], yes: t(yes), no: t('keep') });

/** Gives every button of the control bar its command. */
export function startActions() {
  const on = (id, command) => $(id).addEventListener('click', command);
  for (const name of ['pause', 'resume', 'drain']) on(name, () => run(() => call('POST', name, {})));
  on('start', () => run(() => call('POST', 'control', { action: 'start' })));
  on('stop', async () => {
    if (await sure('stop', 'stop')) await run(() => call('POST', 'control', { action: 'stop' }));
  });
  on('retry-all', () => run(() => call('POST', 'jobs/retry', { state: 'failed' }), 'said.retried'));
  for (const state of ['queued', 'failed']) {
    on(`purge-${state}`, async () => {
      if (!(await sure(`purge.${state}`, `purge.${state}`))) return;
      await run(() => call('POST', 'purge', { state }), 'said.purged');
    });
  }
  $('concurrency').addEventListener('submit', (event) => {
    event.preventDefault();
    run(() => call('PUT', 'concurrency', { concurrency: Number($('slots').value) }));
    $('slots').blur();
  });
  on('logout', () => fetch('logout', { method: 'POST' }).then(() => location.reload()));
}
