'use strict';

const { FaultProxy } = require('./proxy');
const { R2Sandbox } = require('./r2/server');
const { TelegramSandbox } = require('./telegram/server');
const { selfSignedCa } = require('./tls');

module.exports = { R2Sandbox, TelegramSandbox, FaultProxy, selfSignedCa };
