import { type UploadOutcome, type UploadProgress, uploadMany } from 'warmpath';

const s3 = { accountId: 'a', bucket: 'b', accessKeyId: 'c', secretAccessKey: 'd' };
const controller = new AbortController();

const outcomes: UploadOutcome[] = await uploadMany(
  ['a.jpg', { path: 'b.jpg', key: 'b', contentType: 'image/jpeg', metadata: { chat: '1' } }] as const,
  {
    s3,
    concurrency: 8,
    prefix: 'media/',
    key: (file, index) => `${index}-${file.path}`,
    onProgress: ({ settled, total, bytes, outcome }: UploadProgress) => settled / total + bytes + (outcome?.ms ?? 0),
    signal: controller.signal,
    resume: true,
    overwrite: false,
  },
);

for (const outcome of outcomes) {
  if (outcome.status === 'failed') outcome.error.code satisfies string;
  else outcome.sha256 satisfies string;
  if (outcome.status === 'uploaded') outcome.parts satisfies number;
  // @ts-expect-error a failed file has no hash
  outcome.sha256;
}

// @ts-expect-error files are paths or objects with one
await uploadMany([{ key: 'a' }], { s3 });
// @ts-expect-error s3 is required
await uploadMany(['a'], {});
