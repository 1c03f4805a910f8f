'use strict';

const { createHash } = require('node:crypto');
const http = require('node:http');

/**
 * A Bot API server that does one thing: it fetches the URL it is handed instead of a file, with Node's own client, as
 * Telegram's servers would, and answers with a message of what it got.
 */
async function startFetchingBotApi({ refuse = () => false } = {}) {
  const fetched = [];
  const server = http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = await new Response(Buffer.concat(chunks), { headers: req.headers }).formData();
    const answer = (status, value) => {
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(value));
    };
    const kind = /\/send(\w+)$/.exec(req.url)[1].toLowerCase();
    const given = body.get(kind);
    if (typeof given !== 'string') {
      const bytes = Buffer.from(await given.arrayBuffer());
      fetched.push({ streamed: true, bytes });
    } else {
      const got = refuse(given) ? null : await fetch(given);
      if (!got?.ok) {
        fetched.push({ url: given, refused: true });
        const description = 'Bad Request: failed to get HTTP URL content';
        return answer(400, { ok: false, error_code: 400, description });
      }
      const type = got.headers.get('content-type');
      const disposition = got.headers.get('content-disposition');
      fetched.push({ url: given, type, disposition, bytes: Buffer.from(await got.arrayBuffer()) });
    }
    const unique = createHash('sha256').update(fetched.at(-1).bytes).digest('base64url');
    const file = { file_id: `id-${unique}`, file_unique_id: unique };
    const media = kind === 'photo' ? [{ ...file, width: 1, height: 1 }] : file;
    const chat = { id: Number(body.get('chat_id')), type: 'supergroup' };
    answer(200, { ok: true, result: { message_id: fetched.length, date: 1, chat, [kind]: media } });
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    fetched,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

module.exports = { startFetchingBotApi };
