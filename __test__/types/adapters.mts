// Compiled by `tsc --noEmit`, never run: the drop-ins, and that they fit where the packages they replace are used.
import { request } from 'node:https';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import aws4, { RequestSigner as Aws4Signer, sign } from 'warmpath/aws4';
import { getSignedUrl, RequestSigner } from 'warmpath/smithy';

function signed() {
  const options = aws4.sign(
    {
      host: 'acc.r2.cloudflarestorage.com',
      service: 's3',
      region: 'auto',
      path: '/b/k',
      headers: { Range: 'bytes=0-9' },
    },
    { accessKeyId: 'a', secretAccessKey: 's', sessionToken: undefined },
  );
  request(options).end();
  const path: string = sign({ service: 'sqs', signQuery: true, body: Buffer.from('x') }).path;
  const text: string = new Aws4Signer('https://sqs.us-east-1.amazonaws.com/').canonicalString();
  // @ts-expect-error: a stream is signed by its hash
  sign({ service: 's3', body: process.stdin });
  // @ts-expect-error: keys are text
  sign({ service: 's3' }, { accessKeyId: 1 });
  return { path, text };
}

async function sdk() {
  const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
  const client = new S3Client({ region: 'auto', credentials, signerConstructor: RequestSigner });
  const signer = new RequestSigner({ credentials: async () => credentials, region: 'auto', service: 's3' });
  const other = new S3Client({ region: 'auto', credentials, signer });
  const url: string = await getSignedUrl(client, new GetObjectCommand({ Bucket: 'b', Key: 'k' }), { expiresIn: 60 });
  const hex: string = await signer.sign('text', { signingDate: new Date() });
  // @ts-expect-error: a service is needed
  new RequestSigner({ credentials, region: 'auto' });
  // @ts-expect-error: seconds are a number
  await getSignedUrl(client, new GetObjectCommand({ Bucket: 'b', Key: 'k' }), { expiresIn: '60' });
  return { url, hex, other };
}

export const used = [signed, sdk];
