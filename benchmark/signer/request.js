'use strict';

// What every contender signs: GETs of 64 keys of one bucket on R2, with temporary credentials left out and the payload unsigned.

const HOST = '0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com';
const REGION = 'auto';
const SERVICE = 's3';
const PAYLOAD = 'UNSIGNED-PAYLOAD';

/** R2's secrets have 64 characters: with the prefix more than one block of HMAC. */
const credentials = {
  accessKeyId: '4f3c2b1a4f3c2b1a4f3c2b1a4f3c2b1a',
  secretAccessKey: '9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e',
};

const PATHS = Array.from({ length: 64 }, (_, i) => `/media/bots/shop-${i % 8}/photo-${1_000_000 + i}.jpg`);
const URLS = PATHS.map((path) => `https://${HOST}${path}`);

module.exports = { HOST, REGION, SERVICE, PAYLOAD, PATHS, URLS, credentials };
