/** Web standards only, so that Deno, Node and workers run it alike. */
export const json = (status, body) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

const encoder = new TextEncoder();
const digest = async (text) => new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)));

/** Compares in constant time: digests, since a refusal by length would tell the length. */
export async function sameText(one, other) {
  const [a, b] = await Promise.all([digest(one), digest(other)]);
  return a.reduce((difference, byte, i) => difference | (byte ^ b[i]), 0) === 0;
}

/** Whether the request carries `Authorization: Bearer <token>`. */
export async function hasBearer(request, token) {
  const [, given = ''] = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
  return sameText(given, token);
}
