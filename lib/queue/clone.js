'use strict';

// Structured clone as bytes: node:v8's, but for the views in it. Those come back of their own memory and no more, where v8.deserialize()
// takes it from Node's pool or leaves it in the item.

const { Deserializer, Serializer } = require('node:v8');
const { nameOf, bytesOf } = require('./views.js');

/** What a view is made again as, by the number that is written; those that this Node has not are never written. */
const VIEWS = [
  'Buffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float16Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
];
const NUMBERS = new Map(VIEWS.map((name, number) => [name, number]));
const BUFFER = 0;
const MAKERS = VIEWS.map((name) => globalThis[name]);

class Writer extends Serializer {
  constructor() {
    super();
    this._setTreatArrayBufferViewsAsHostObjects(true);
  }

  _writeHostObject(object) {
    if (!ArrayBuffer.isView(object)) throw new this._getDataCloneError('an object of Node cannot be cloned');
    const name = Object.getPrototypeOf(object) === Buffer.prototype ? 'Buffer' : (nameOf(object) ?? 'DataView');
    const bytes = bytesOf(object);
    this.writeUint32(NUMBERS.get(name));
    this.writeUint32(bytes.length);
    this.writeRawBytes(bytes);
  }
}

class Reader extends Deserializer {
  _readHostObject() {
    const number = this.readUint32();
    const { buffer } = new Uint8Array(this.readRawBytes(this.readUint32()));
    return number === BUFFER ? Buffer.from(buffer) : new MAKERS[number](buffer);
  }
}

/** Bytes of a clone in which nothing was written. */
const EMPTY = (() => {
  const writer = new Writer();
  writer.writeHeader();
  return writer.releaseBuffer().length;
})();

/** Throws for what cannot be cloned. */
function write(value) {
  const writer = new Writer();
  writer.writeHeader();
  writer.writeValue(value);
  const bytes = writer.releaseBuffer();
  // V8 says nothing of what it leaves out.
  if (bytes.length === EMPTY) throw new TypeError('a WebAssembly.Module cannot be cloned here');
  return bytes;
}

function read(bytes) {
  const reader = new Reader(bytes);
  reader.readHeader();
  return reader.readValue();
}

module.exports = { write, read };
