'use strict';

const { present, string } = require('../adapters/whatsapp/fields.js');

const MAX_NAME = 255;

/** The name of a session: it may be the name itself, a number, or the object that apps keep of a connection. */
function sessionOf(session) {
  if (typeof session === 'number') return String(session);
  if (typeof session === 'string') return string(session)?.slice(0, MAX_NAME);
  const { session: inner, sessionId, name, id } = session ?? {};
  const found = [inner, sessionId, name, id].find((value) => typeof value === 'string' || typeof value === 'number');
  return found === undefined ? undefined : sessionOf(found);
}

/** Who a contact is, as plain JSON; the object that a library or an ORM has of it is not. */
function contactOf(contact) {
  const text = (value) => (typeof value === 'number' ? value : string(value)?.slice(0, MAX_NAME));
  const { id, name, pushname, number, notify } = contact ?? {};
  const known = { id: text(id?._serialized ?? id), name: text(name ?? pushname ?? notify), number: text(number) };
  return present(known);
}

module.exports = { sessionOf, contactOf };
