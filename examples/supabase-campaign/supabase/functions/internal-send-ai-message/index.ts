import { createClient } from 'jsr:@supabase/supabase-js@2';
import { internalSendAiMessage } from './handler.js';

const env = Deno.env.toObject();
const supabase = createClient(env.SUPABASE_URL, env.SUPABASE_SERVICE_ROLE_KEY);

const call = async (name: string, parameters: object) => {
  const { data, error } = await supabase.rpc(name, parameters);
  if (error) throw new Error(`${name} failed`);
  return data;
};

Deno.serve(
  internalSendAiMessage(env, {
    claim: (key, delivery) => call('claim_delivery', { p_key: key, p_message_id: delivery.messageId }),
    done: (key) => call('finish_delivery', { p_key: key }),
    forget: (key) => call('forget_delivery', { p_key: key }),
    // Your channel: WhatsApp, Telegram, SMS.
    send: async ({ text, recipient }) => {
      const response = await fetch(env.CHANNEL_URL, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${env.CHANNEL_TOKEN}` },
        body: JSON.stringify({ to: recipient.phone, text }),
        signal: AbortSignal.timeout(8000),
      });
      if (!response.ok) throw new Error('the channel refused');
    },
  }),
);
