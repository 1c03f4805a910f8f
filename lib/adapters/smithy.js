'use strict';

const { getSignedUrl } = require('./smithy/get-signed-url.js');
const { RequestSigner } = require('./smithy/request-signer.js');

module.exports = { RequestSigner, getSignedUrl };
