// The types of warmpath/testing, as a test of a user would read them.

import {
  type DirectAnswer,
  ManualClock,
  mixF,
  mixLlm,
  mixWebhook,
  OpenRouterSandbox,
  R2Sandbox,
  type TelegramLimitStats,
  TelegramSandbox,
  WebhookSandbox,
} from 'warmpath/testing';

const clock = new ManualClock();
const tg = await TelegramSandbox.start({
  bots: [{ token: '1:x', chats: [1, { id: -5, migratedTo: -1005 }, { id: 7, blocked: 'deactivated' }] }],
  clock,
  limits: { algorithm: 'bucket', groupPerMinute: false, sameSize: { aheadMs: 1000 } },
  local: true,
  saveTo: '/tmp/in',
});
const answer: DirectAnswer = await tg.call('sendDocument', { chat_id: 1, document: { size: 10 } }, { botId: 1 });
const stats: TelegramLimitStats = tg.limitStats();
const third = tg.faults.add({ name: 'flood', retryAfter: 35, nth: 3, match: { apiMethod: 'sendPhoto' } });
tg.faults.add({ kind: 'changeKind', as: 'animation' });
tg.faults.add({ kind: 'reset', at: 'answer', times: Infinity });
const mix = tg.faults.mix(mixF(1));
const r2 = await R2Sandbox.start();
r2.faults.mix({ ...mixF(2), match: { operation: 'GetObject' } });
r2.faults.add({ kind: 'gzipBomb', size: 1024 });
await clock.advanceAsync(1000);

// @ts-expect-error no such name
tg.faults.add({ name: 'floods' });
// @ts-expect-error R2 knows no chats
r2.faults.add({ kind: 'migrate' });
// @ts-expect-error a clock waits too
await TelegramSandbox.start({ clock: { now: () => 0 } });

export const used = [answer.parameters?.retry_after, stats.refused.sameSize, third.bites, mix.counts.stall?.bites];
export const declared: boolean | undefined = tg.issued('id')?.declared?.supportsStreaming;

const llm = await OpenRouterSandbox.start({
  keys: ['sk', { key: 'sk-2', credit: 5 }],
  models: { 'a/b': { promptPrice: 1e-6, latencyMs: [100, 200] }, 'c/d': { down: true } },
  reply: ({ schema, n }) => (schema === null ? `text ${n}` : { content: '{}', finishReason: 'stop' }),
});
llm.faults.add({ name: 'rate-limited-date', retryAfter: 3, nth: 2, match: { model: 'a/b', format: 'text' } });
llm.faults.add({ kind: 'status', status: 429, retryAfter: 1, hint: 'reset' });
llm.faults.mix({ ...mixLlm(1), percent: { badSplit: 50 } });
export const cost: number = llm.usage().cost + (llm.completions[0]?.cost ?? 0);
// @ts-expect-error no such form
llm.faults.add({ kind: 'completion', form: 'nothing' });

const hook = await WebhookSandbox.start({ secret: 's', onDuplicate: 'conflict', textOf: ({ text }) => String(text) });
hook.faults.add({ name: 'timeout-after-accept', match: { key: 'k' } });
hook.faults.mix(mixWebhook(1));
export const told: number | null | undefined = hook.delivery('k')?.acceptedAt;
// @ts-expect-error of the other sandbox
hook.faults.add({ name: 'empty-choices' });
