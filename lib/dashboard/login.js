import { $ } from './dom.js';
import { t, translate } from './i18n.js';

translate();

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('problem').textContent = '';
  try {
    const response = await fetch('login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: $('token').value }),
    });
    if (response.ok) {
      location.reload();
      return;
    }
    $('problem').textContent = t(response.status === 429 ? 'login.slow' : 'login.wrong');
  } catch {
    $('problem').textContent = t('login.failed');
  }
  $('token').select();
});
