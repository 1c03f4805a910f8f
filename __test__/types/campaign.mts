// Compiled by `tsc --noEmit`, never run.
import {
  CampaignExecutor,
  type CampaignOutcome,
  campaignPartKey,
  type ParsedSplit,
  parseSplitResponse,
  splitMessage,
} from 'warmpath';

const ids = { campaignId: 'c', messageId: 'm' };

async function campaign() {
  await using executor = new CampaignExecutor({
    llm: { apiKey: 'k', models: ['a/b'], limits: { cost: { limit: 1, periodMs: 1000 } }, circuit: false },
    webhook: { url: 'https://x/y', secret: 'whsec_AAAA' },
    split: { by: 'llm', maxChars: 500 },
    retry: { quick: 2 },
  });
  const { parts, usage } = await executor.run({ step: 'generate', ...ids, messages: [{ role: 'user', content: 'x' }] });
  const cost: number | null = usage.cost;
  const { delivered } = await executor.run({ step: 'deliver', ...ids, parts, recipient: { lead: 1 } });
  executor.on('part', ([event]) => executor.confirm(event?.key ?? '', event?.part ?? 0));
  executor.on('settled', (outcomes: CampaignOutcome[]) => {
    for (const outcome of outcomes) {
      if (outcome.status === 'failed') outcome.error.retryAfterMs?.toFixed();
      else if (outcome.value.step === 'generate') outcome.value.text.trim();
      else outcome.value.repeated.toFixed();
    }
  });
  const open: 'closed' | 'open' | 'half-open' | undefined = executor.stats().models['a/b']?.circuit;
  // @ts-expect-error: a step has fields of its own
  executor.submit({ step: 'deliver', ...ids, messages: [] });
  // @ts-expect-error: a role
  executor.submit({ step: 'generate', ...ids, messages: [{ role: 'tool', content: 'x' }] });
  // @ts-expect-error: limits of chats are not those of campaigns
  executor.setLimits(false);
  return { cost, delivered, open };
}

// @ts-expect-error: a key is required
new CampaignExecutor({ llm: { models: ['x'] } });

const parsed: ParsedSplit = parseSplitResponse('[]', 'x', { maxChars: 100 });
const parts: string[] = splitMessage('x');
const key: string = campaignPartKey('c', 'm', 0);

export { campaign, key, parsed, parts };
