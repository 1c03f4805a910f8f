'use strict';

const { createHash, createHmac } = require('node:crypto');

/** What is asked of the model: instructions and what is known of a lead, some 1,600 characters. */
const messagesFor = (n) => [
  { role: 'system', content: 'Você escreve mensagens curtas e cordiais para clientes de uma imobiliária. '.repeat(12) },
  {
    role: 'user',
    content: `Cliente ${n}: ${'visitou o anúncio do apartamento de dois quartos perto do parque. '.repeat(10)}`,
  },
];

/** The parts of a text as the peers make them: their split is as cheap as one can be. */
const partsOf = (text) => text.trim().split('\n\n');

/** The request for a part, with the same body and the same signature as ours. */
function partRequest({ url, secret }, messageId, part, parts) {
  const idempotencyKey = createHash('sha256')
    .update(JSON.stringify(['c', messageId, part]))
    .digest('hex');
  const body = JSON.stringify({
    campaignId: 'c',
    messageId,
    part,
    parts: parts.length,
    text: parts[part],
    idempotencyKey,
    recipient: { leadId: messageId },
  });
  const timestamp = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', secret).update(`${idempotencyKey}.${timestamp}.${body}`).digest('base64');
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': idempotencyKey,
    'webhook-id': idempotencyKey,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
  return [`${url}/hook`, { method: 'POST', headers, body }];
}

/** Posts a part once: anything but a 2xx is a failure, and the deadline covers the body. */
async function post(config, messageId, part, parts) {
  const [url, init] = partRequest(config, messageId, part, parts);
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
}

module.exports = { messagesFor, partsOf, post };
