'use strict';

const { ManualClock } = require('./clock');
const { mixF } = require('./faults/mix');
const { OpenRouterSandbox } = require('./openrouter/server');
const { mixLlm } = require('./openrouter/faults');
const { FaultProxy } = require('./proxy');
const { R2Sandbox } = require('./r2/server');
const { TelegramSandbox } = require('./telegram/server');
const { selfSignedCa } = require('./tls');
const { mixWebhook } = require('./webhook/faults');
const { WebhookSandbox } = require('./webhook/server');

module.exports = {
  R2Sandbox,
  TelegramSandbox,
  OpenRouterSandbox,
  WebhookSandbox,
  FaultProxy,
  ManualClock,
  mixF,
  mixLlm,
  mixWebhook,
  selfSignedCa,
};
