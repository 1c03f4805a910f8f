-- The keys of parts that were sent, so that none is sent twice. Keep them for as long as a campaign runs.
CREATE TABLE IF NOT EXISTS ai_message_deliveries (
  idempotency_key text PRIMARY KEY,
  message_id text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz
);

-- 'new': send it. 'sent': it was. 'busy': another request is sending it; after a minute that one counts as dead.
CREATE OR REPLACE FUNCTION claim_delivery(p_key text, p_message_id text) RETURNS text AS $$
  WITH claimed AS (
    INSERT INTO ai_message_deliveries AS d (idempotency_key, message_id) VALUES (p_key, p_message_id)
    ON CONFLICT (idempotency_key) DO UPDATE SET claimed_at = now()
      WHERE d.sent_at IS NULL AND d.claimed_at < now() - interval '1 minute'
    RETURNING 1
  )
  SELECT CASE WHEN EXISTS (SELECT FROM claimed) THEN 'new'
    WHEN (SELECT d.sent_at FROM ai_message_deliveries d WHERE d.idempotency_key = p_key) IS NOT NULL THEN 'sent'
    ELSE 'busy' END
$$ LANGUAGE sql;

CREATE OR REPLACE FUNCTION finish_delivery(p_key text) RETURNS void AS $$
  UPDATE ai_message_deliveries SET sent_at = now() WHERE idempotency_key = p_key
$$ LANGUAGE sql;

CREATE OR REPLACE FUNCTION forget_delivery(p_key text) RETURNS void AS $$
  DELETE FROM ai_message_deliveries WHERE idempotency_key = p_key AND sent_at IS NULL
$$ LANGUAGE sql;
