'use strict';

const { readWhole } = require('./body');
const { S3Refusal, document, element, notImplemented } = require('./errors');
const { canonicalKey, displayKey } = require('./url');
const { malformed, readXml } = require('./xml');

const MAX_DELETES = 1000;
const NAME = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
/** `auto`, its aliases, and the location hints of R2, which say where a bucket should be and not what it is called. */
const LOCATIONS = new Set(['', 'auto', 'us-east-1', 'wnam', 'enam', 'weur', 'eeur', 'apac', 'oc']);

const listBuckets = (store) =>
  document('ListAllMyBucketsResult', [
    '<Buckets>',
    ...store
      .buckets()
      .map(
        ({ name, at }) =>
          `<Bucket>${element('Name', name)}${element('CreationDate', new Date(at).toISOString())}</Bucket>`,
      ),
    '</Buckets>',
  ]);

async function createBucket(store, request) {
  const { bucket, headers } = request;
  const body = await readWhole(request);
  if (!NAME.test(bucket)) throw new S3Refusal('InvalidBucketName', 'The specified bucket name is not valid.');
  if (headers['x-amz-bucket-object-lock-enabled'] === 'true') {
    throw notImplemented("Header 'x-amz-bucket-object-lock-enabled' with value 'true'");
  }
  const wanted = body.length === 0 ? '' : (readXml(body, 'CreateBucketConfiguration').text('LocationConstraint') ?? '');
  if (!LOCATIONS.has(wanted.toLowerCase())) {
    throw new S3Refusal('InvalidLocationConstraint', 'The specified location constraint is not valid');
  }
  if (store.hasBucket(bucket)) {
    throw new S3Refusal('BucketAlreadyOwnedByYou', 'The bucket you tried to create already exists, and you own it.');
  }
  store.createBucket(bucket);
  return { status: 200, headers: { Location: `/${bucket}` } };
}

function deleteBucket(store, { bucket }) {
  if (!store.isEmpty(bucket)) {
    throw new S3Refusal('BucketNotEmpty', 'The bucket you tried to delete is not empty.', { BucketName: bucket });
  }
  store.deleteBucket(bucket);
  return { status: 204 };
}

const headBucket = () => ({ status: 200, headers: { 'x-amz-bucket-region': 'auto' } });

const getBucketLocation = () => document('LocationConstraint', 'auto');

/** DeleteObjects: a key that is not there counts as deleted, as everywhere in S3. */
async function deleteObjects(store, request) {
  const list = readXml(await readWhole(request), 'Delete');
  const objects = list.all('Object');
  if (objects.length === 0 || objects.length > MAX_DELETES) throw malformed();
  const keys = objects.map((object) => {
    const key = object.text('Key');
    if (key === undefined || key === '') throw malformed();
    if (object.text('VersionId') !== undefined) throw notImplemented('VersionId');
    return canonicalKey(key);
  });
  for (const key of keys) store.delete(request.bucket, key);
  const quiet = list.text('Quiet')?.trim() === 'true';
  const deleted = quiet ? [] : keys.map((key) => `<Deleted>${element('Key', displayKey(key))}</Deleted>`);
  return document('DeleteResult', deleted);
}

module.exports = { listBuckets, createBucket, deleteBucket, headBucket, getBucketLocation, deleteObjects };
