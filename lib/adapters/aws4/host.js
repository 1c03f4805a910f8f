'use strict';

// What the name of a host says about service and region, and the other way round.
// https://docs.aws.amazon.com/general/latest/gr/rande.html

const AWS_HOST = /([^.]{1,63})\.(?:([^.]{0,63})\.)?amazonaws\.com(?:\.cn)?$/;
/** Services with one endpoint for the whole world. */
const GLOBAL = new Set(['cloudfront', 'ls', 'route53', 'iam', 'importexport', 'sts']);
/** Services that had one endpoint in us-east-1 before regions. */
const GLOBAL_IN_US_EAST_1 = new Set(['s3', 'sdb']);

const MAX_HOSTS = 256;
const hosts = new Map();

/** `[service, region]`, either or both undefined where the name does not tell. */
function matchHost(host) {
  let parts = hosts.get(host);
  if (parts === undefined) {
    parts = readHost(host);
    if (hosts.size >= MAX_HOSTS) hosts.clear();
    hosts.set(host, parts);
  }
  return parts;
}

function readHost(host) {
  const match = AWS_HOST.exec(host);
  if (match === null) return [];
  let [, service, region] = match;
  // search-name.us-east-1.es.amazonaws.com
  if (region === 'es' || region === 'aoss') [service, region] = [region, service];
  // bucket.s3.amazonaws.com
  if (region === 's3') return ['s3', 'us-east-1'];
  // bucket.s3-eu-west-1.amazonaws.com, s3-eu-west-1.amazonaws.com
  for (const part of [service, region]) if (part?.startsWith('s3-')) return ['s3', part.slice(3)];
  return [service, region];
}

function isSingleRegion(service, region) {
  return GLOBAL.has(service) || (GLOBAL_IN_US_EAST_1.has(service) && region === 'us-east-1');
}

/** The public endpoint of a service. */
function createHost(service, region) {
  const name = service === 'ses' ? 'email' : service;
  return isSingleRegion(service, region) ? `${name}.amazonaws.com` : `${name}.${region}.amazonaws.com`;
}

module.exports = { matchHost, isSingleRegion, createHost };
