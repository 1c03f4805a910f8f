'use strict';

const express = require('express');
const { BadRequest } = require('../lib/errors');

const MAX_ITEMS = 1000;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function uuid(value, name) {
  if (typeof value !== 'string' || !UUID.test(value)) throw new BadRequest('INVALID_FIELD', `${name} must be a UUID`);
  return value.toLowerCase();
}

function text(value, name, max) {
  if (typeof value !== 'string' || value.trim() === '' || value.length > max) {
    throw new BadRequest('INVALID_FIELD', `${name} must be a text of 1 to ${max} characters`);
  }
  return value;
}

function date(value, name) {
  const at = new Date(value);
  if (typeof value !== 'string' || Number.isNaN(at.getTime())) {
    throw new BadRequest('INVALID_FIELD', `${name} must be a date such as 2026-01-31T12:00:00Z`);
  }
  return at;
}

function parseMessages(runId, body) {
  const items = body?.items;
  if (!Array.isArray(items) || items.length === 0 || items.length > MAX_ITEMS) {
    throw new BadRequest('INVALID_BODY', `send { items: [...] } with 1 to ${MAX_ITEMS} entries`);
  }
  return items.map((item) => ({
    runId,
    leadId: uuid(item?.lead_id, 'lead_id'),
    ...(item.message_id !== undefined && { messageId: uuid(item.message_id, 'message_id') }),
    ...(item.scheduled_at !== undefined && { scheduledAt: date(item.scheduled_at, 'scheduled_at') }),
  }));
}

const notFound = (res) => res.status(404).json({ ok: false, error: 'NOT_FOUND', message: 'there is no such run' });

/**
 * Campaigns for callers that cannot load an addon: edge functions, other languages, a cron job. They write rows and knock; the
 * work is done here, and survives whoever asked for it.
 *
 * @param {{ pool: import('pg').Pool, campaigns: import('warmpath').CampaignWorker }} services
 */
function campaignRoutes({ pool, campaigns }) {
  const router = express.Router();

  router.post('/', async (req, res) => {
    const name = text(req.body?.name, 'name', 200);
    const prompt = text(req.body?.prompt, 'prompt', 10_000);
    const { rows } = await pool.query('INSERT INTO campaign_runs (name, prompt) VALUES ($1, $2) RETURNING id', [
      name,
      prompt,
    ]);
    res.status(201).json({ ok: true, run_id: rows[0].id });
  });

  // Before the routes of one run: `wake` is no run.
  router.post('/wake', (_req, res) => {
    campaigns.wake();
    const { messages, running, holding } = campaigns.stats();
    res.status(202).json({ ok: true, running, holding, ...messages });
  });

  router.post('/:runId/messages', async (req, res) => {
    const runId = uuid(req.params.runId, 'run_id');
    const messages = parseMessages(runId, req.body);
    if ((await campaigns.run(runId)) === null) return notFound(res);
    const statuses = await campaigns.enqueueMany(messages);
    const queued = statuses.filter((status) => status === 'queued').length;
    return res.status(202).json({ ok: true, queued, statuses });
  });

  router.post('/:runId/control', async (req, res) => {
    const runId = uuid(req.params.runId, 'run_id');
    const { action } = req.body ?? {};
    if (action !== 'pause' && action !== 'resume') {
      throw new BadRequest('INVALID_FIELD', 'action must be pause or resume');
    }
    const status = await (action === 'pause' ? campaigns.pauseRun(runId) : campaigns.resumeRun(runId));
    return status === null ? notFound(res) : res.json({ ok: true, status });
  });

  router.get('/:runId', async (req, res) => {
    const run = await campaigns.run(uuid(req.params.runId, 'run_id'));
    return run === null ? notFound(res) : res.json({ ok: true, ...run });
  });

  return router;
}

module.exports = { campaignRoutes };
