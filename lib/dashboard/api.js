/** What the router answers with; its own address is where this page stands. */
export async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    credentials: 'same-origin',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.status === 401) {
    // The session has ended: the same address now answers with the login page.
    location.reload();
    throw new Error('401');
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message ?? answer.error ?? String(response.status));
  return answer;
}

/**
 * The live state. The browser connects again by itself; a refused connection (the session has ended) it gives up.
 *
 * @param {(state: object) => void} onState
 * @param {(state: 'live' | 'lost') => void} onLink
 */
export function follow(onState, onLink) {
  let source;
  const open = () => {
    source = new EventSource('events');
    source.addEventListener('state', (event) => {
      onLink('live');
      onState(JSON.parse(event.data));
    });
    source.onerror = () => {
      onLink('lost');
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => call('GET', 'state').then(open, () => setTimeout(open, 3000)), 1000);
    };
  };
  open();
  window.addEventListener('pagehide', () => source.close());
  window.addEventListener('pageshow', (event) => event.persisted && open());
}
