'use strict';

const { ManualClock } = require('./clock');
const { mixF } = require('./faults/mix');
const { FaultProxy } = require('./proxy');
const { R2Sandbox } = require('./r2/server');
const { TelegramSandbox } = require('./telegram/server');
const { selfSignedCa } = require('./tls');

module.exports = { R2Sandbox, TelegramSandbox, FaultProxy, ManualClock, mixF, selfSignedCa };
