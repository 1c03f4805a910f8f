import { hasBearer, json } from '../_shared/answers.js';

const TIMEOUT_MS = 10_000;

/**
 * The function that a schedule (pg_cron, say) calls each minute. It used to do the work itself, and died in the middle of it when
 * its time was up; now it knocks at the server that does, and says how that is getting on.
 *
 * @param {{ CRON_SECRET: string, WARMPATH_URL: string, CAMPAIGN_API_TOKEN: string }} env
 * @param {{ fetch?: typeof fetch }} [parts]
 * @returns {(request: Request) => Promise<Response>}
 */
export function campaignProcessQueue(env, { fetch: send = fetch } = {}) {
  return async (request) => {
    if (request.method !== 'POST') return json(405, { ok: false, error: 'METHOD_NOT_ALLOWED' });
    if (!(await hasBearer(request, env.CRON_SECRET))) return json(401, { ok: false, error: 'UNAUTHORIZED' });
    try {
      const response = await send(`${env.WARMPATH_URL}/api/campaigns/wake`, {
        method: 'POST',
        headers: { authorization: `Bearer ${env.CAMPAIGN_API_TOKEN}` },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const answer = await response.json();
      if (!response.ok) return json(502, { ok: false, error: 'WORKER_REFUSED', status: response.status });
      return json(200, answer);
    } catch {
      // The worker finds what is due by itself, too: a knock that was not heard costs seconds.
      return json(502, { ok: false, error: 'WORKER_NOT_REACHED' });
    }
  };
}
