'use strict';

const { requirePeer } = require('../../peer');
const { S3Refusal } = require('./errors');

const malformed = () =>
  new S3Refusal('MalformedXML', 'The XML you provided was not well-formed or did not validate against our schema.');

/**
 * Reads the XML body of a request.
 *
 * By a parser that knows the whole of XML (entities, CDATA, namespaces): what regular expressions find in a document and
 * what its sender wrote are two things, and a key may hold any of it.
 *
 * @param {Buffer} bytes
 * @param {string} root local name the document must have
 * @returns {XmlElement}
 * @throws {S3Refusal} `MalformedXML`
 * @throws {import('../../errors').WarmpathError} `ERR_WARMPATH_PEER_MISSING`
 */
function readXml(bytes, root) {
  const { DOMParser, onErrorStopParsing } = requirePeer('@xmldom/xmldom', 'R2Sandbox');
  let document;
  try {
    document = new DOMParser({ onError: onErrorStopParsing }).parseFromString(bytes.toString('utf8'), 'text/xml');
  } catch {
    throw malformed();
  }
  // S3 takes no document type, and entities of the sender's own have no business here.
  if (document.doctype || document.documentElement?.localName !== root) throw malformed();
  return new XmlElement(document.documentElement);
}

/** What the operations need of an element. */
class XmlElement {
  #node;

  constructor(node) {
    this.#node = node;
  }

  /** The children of that name, in order. */
  all(name) {
    return [...this.#node.childNodes].filter((one) => one.localName === name).map((one) => new XmlElement(one));
  }

  /** The text of the only child of that name, exactly as written; undefined without one. */
  text(name) {
    const found = this.all(name);
    if (found.length > 1) throw malformed();
    return found[0]?.content;
  }

  get content() {
    return this.#node.textContent;
  }
}

module.exports = { readXml, malformed };
