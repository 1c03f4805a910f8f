'use strict';

// The raw doors of the queue, once per thread: the other half of src/queue. Internal; nothing is checked here.

const { markAsUntransferable } = require('node:worker_threads');
const { guard } = require('../errors.js');
const { native } = require('../native.js');

/** Integers of the local door's memory: up to 2048 entries of three, and a dropped slot for each. */
const LOCAL_ENTRIES = 2048;

/** Of the shared door's memory: 8192 integers (2048 entries of four), then 64 KiB of bytes. */
const SHARED_INTEGERS = 8192;
const SHARED_ENTRIES = SHARED_INTEGERS / 4;
const BYTES = 64 * 1024;

let local = null;
let shared = null;

/** Native code keeps the address of this memory, so it must stay where it is for as long as the thread lives. */
function views(door, integers) {
  markAsUntransferable(door.memory);
  door.integers = new Int32Array(door.memory, 0, integers);
  door.bytes = new Uint8Array(door.memory, integers * 4);
  return door;
}

/** The functions of the local queue. */
function localDoor() {
  local ??= views(
    guard(() => native().queueDoor()),
    LOCAL_ENTRIES * 4,
  );
  return local;
}

/** The shared queues of this thread that somebody waits for, by the number that native code knows them by. */
const waiting = new Map();

let numbers = 0;

/** A number for a shared queue of this thread. */
function nextNumber() {
  numbers = (numbers + 1) % 2 ** 32;
  return numbers;
}

/** Native code calls this when queues have something, or were closed. */
function wake() {
  const count = shared.heard(shared.thread);
  // The usual case. A thread that was asleep finds nothing in its caches: each step less is one that the item does not wait for.
  if (count === 1) {
    waiting.get(shared.integers[0])?.serve();
    return;
  }
  // What is served may poll and wait again, or use the memory: the numbers are read first.
  const rung = count === 2 ** 32 - 1 ? [...waiting.keys()] : Array.from(shared.integers.subarray(0, count));
  let failure = null;
  for (const number of rung) {
    try {
      waiting.get(number)?.serve();
    } catch (err) {
      // The wake-ups of the others were taken with this one.
      failure ??= { err };
    }
  }
  if (failure !== null) throw failure.err;
}

/** The functions of the shared queue. */
function sharedDoor() {
  shared ??= views(
    guard(() => native().sharedQueueDoor(wake)),
    SHARED_INTEGERS,
  );
  return shared;
}

module.exports = { LOCAL_ENTRIES, SHARED_INTEGERS, SHARED_ENTRIES, BYTES, localDoor, sharedDoor, waiting, nextNumber };
