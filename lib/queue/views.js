'use strict';

// What a view of bytes says of itself: `length` and `buffer` may be fields that somebody hung on it.

const { types } = require('node:util');

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype);

const getter = (prototype, name) => {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name);
  return (view) => get.call(view);
};

const ofTypedArray = ['buffer', 'byteOffset', 'byteLength'].map((name) => getter(TYPED_ARRAY, name));
const ofDataView = ['buffer', 'byteOffset', 'byteLength'].map((name) => getter(DataView.prototype, name));

const { get: getLength } = Object.getOwnPropertyDescriptor(TYPED_ARRAY, 'length');
const { get: getName } = Object.getOwnPropertyDescriptor(TYPED_ARRAY, Symbol.toStringTag);
const { at } = TYPED_ARRAY;

/** How many elements a typed array has; throws where it is none. */
function lengthOf(array) {
  return getLength.call(array);
}

/** `Uint8Array`, …; undefined: it is no typed array. */
function nameOf(view) {
  return getName.call(view);
}

/** Throws where the view has no memory any more: its buffer was transferred, or is too short for it now. Both look empty. */
function checkMemory(view) {
  if (types.isDataView(view)) ofDataView[2](view);
  else at.call(view, 0);
}

/** The bytes that a view shows, in place. */
function bytesOf(view) {
  checkMemory(view);
  const [buffer, byteOffset, byteLength] = types.isDataView(view) ? ofDataView : ofTypedArray;
  return new Uint8Array(buffer(view), byteOffset(view), byteLength(view));
}

/** Whether other threads may write to it. */
function isShared(array) {
  return types.isSharedArrayBuffer(ofTypedArray[0](array));
}

module.exports = { lengthOf, nameOf, checkMemory, bytesOf, isShared };
