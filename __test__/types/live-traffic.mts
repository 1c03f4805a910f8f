// Compiled by `tsc --noEmit`, never run: limits, and the adapters where bots really are.
import { Bot } from 'grammy';
import { Api } from 'node-telegram-bot-api';
import { Telegraf } from 'telegraf';
import { type Limits, type Plan, PrewarmExecutor } from 'warmpath';
import { shareLimits as grammyLimits } from 'warmpath/grammy';
import { shareLimits as ntbaLimits } from 'warmpath/node-telegram-bot-api';
import { shareLimits as telegrafLimits } from 'warmpath/telegraf';

const s3 = { endpoint: 'http://127.0.0.1:9000', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };

function limits() {
  const executor = new PrewarmExecutor({ s3, limits: { group: { limit: 10 }, sameSize: false } });
  executor.setLimits(false);
  executor.setLimits({ token: { burst: 2 }, bytesInFlight: 1_000_000 });
  // @ts-expect-error: recovery cannot be off
  executor.setLimits({ recoverMs: false });
  // @ts-expect-error: an unknown limit
  executor.setLimits({ perSecond: 1 });
  const now: Limits | false = executor.limits();
  const plan: Plan = executor.plan({ count: 10, kind: 'group' }, { perMinute: 150 });
  executor.plan([{ botSlug: 'shop', chatIds: [1, '-100'] }]);
  const wait: number | null | undefined = executor.explain('key')?.waits[0]?.waitMs;
  executor.report({ botSlug: 'shop', chatId: 1, retryAfterMs: 1000 });
  // @ts-expect-error: a bot is needed
  executor.report({ chatId: 1 });
  return { now, plan, wait };
}

function adapters(executor: PrewarmExecutor) {
  const bot = new Bot('1:a');
  bot.api.config.use(grammyLimits(executor, bot.token));
  telegrafLimits(executor, new Telegraf('1:a'));
  ntbaLimits(executor, new Api('1:a'), '1:a');
  // @ts-expect-error: a token is needed
  grammyLimits(executor);
}

export const used = [limits, adapters];
