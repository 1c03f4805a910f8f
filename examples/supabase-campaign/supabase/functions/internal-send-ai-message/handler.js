import { json } from '../_shared/answers.js';
import { isSigned } from '../_shared/signature.js';

/**
 * Receives one part of a message and sends it on. The key is claimed before the sending: a part that is known, because its first
 * answer got lost, is answered 409 and not sent again.
 *
 * @param {{ CAMPAIGN_WEBHOOK_SECRET: string }} env
 * @param {object} parts
 * @param {(key: string, delivery: object) => Promise<'new' | 'sent' | 'busy'>} parts.claim remembers the key; see the migration
 * @param {(key: string) => Promise<void>} parts.done the part was sent
 * @param {(key: string) => Promise<void>} parts.forget it was not: the key may come again
 * @param {(delivery: { text: string, recipient?: object }) => Promise<void>} parts.send
 * @returns {(request: Request) => Promise<Response>}
 */
export function internalSendAiMessage(env, { claim, done, forget, send }) {
  return async (request) => {
    if (request.method !== 'POST') return json(405, { ok: false, error: 'METHOD_NOT_ALLOWED' });
    const body = await request.text();
    if (!(await isSigned(env.CAMPAIGN_WEBHOOK_SECRET, request.headers, body))) {
      return json(401, { ok: false, error: 'UNAUTHORIZED' });
    }
    const delivery = JSON.parse(body);
    const key = request.headers.get('idempotency-key') ?? delivery.idempotencyKey;
    const state = await claim(key, delivery);
    if (state === 'sent') return json(409, { ok: false, error: 'DELIVERED_BEFORE' });
    // Somebody else has it right now. 503, not 409: nobody knows yet that it will be sent.
    if (state === 'busy') return json(503, { ok: false, error: 'IN_PROGRESS' });
    try {
      await send(delivery);
    } catch {
      await forget(key);
      return json(500, { ok: false, error: 'NOT_SENT' });
    }
    await done(key);
    return json(200, { ok: true });
  };
}
