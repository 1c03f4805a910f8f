// The types of warmpath/testing, as a test of a user would read them.

import {
  type DirectAnswer,
  ManualClock,
  mixF,
  R2Sandbox,
  type TelegramLimitStats,
  TelegramSandbox,
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
