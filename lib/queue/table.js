'use strict';

/** Slots from here on belong to batches: to each a block of as many slots as these bits can count. Native code sees no difference. */
const BATCHES = 2 ** 30;
const BLOCK_BITS = 10;
const BLOCK = 2 ** BLOCK_BITS;
const MOST_BLOCKS = 2 ** 20;

/**
 * The items of a local queue, each in a slot of which native code knows the number.
 *
 * A batch stays the array that it came in, as one block: that costs the same for one item and for a thousand, and a consumer who asks
 * for as many is given that array.
 */
class Table {
  #items = [];
  /** Free slots, the first #freeCount of them: an array that is popped gives its memory back, to need it again at once. */
  #free = [];
  #freeCount = 0;
  #blocks = [];
  #freeBlocks = [];

  /** The slot of one item more. */
  add(item) {
    const slot = this.#freeCount > 0 ? this.#free[--this.#freeCount] : this.#items.length;
    this.#items[slot] = item;
    return slot;
  }

  /**
   * The first slot of a batch, of those that follow each other; -1 where there is no block for it. The array is the table's from now on.
   *
   * @param {*[]} items at most BLOCK of them
   */
  addBatch(items) {
    const number = this.#freeBlocks.length > 0 ? this.#freeBlocks.pop() : this.#blocks.length;
    if (number === MOST_BLOCKS) return -1;
    this.#blocks[number] = { items, left: items.length };
    return BATCHES + number * BLOCK;
  }

  /** Of a batch that was just added, only so many items stay. */
  cutBatch(first, count) {
    const number = numberOf(first);
    if (count === 0) this.#freeBlock(number);
    else this.#blocks[number] = { items: this.#blocks[number].items.slice(0, count), left: count };
  }

  /** Of a batch that was just added, the items with these numbers do not stay. */
  dropOfBatch(first, numbers) {
    const number = numberOf(first);
    const block = this.#blocks[number];
    for (const at of numbers) block.items[at] = undefined;
    block.left -= numbers.length;
    if (block.left === 0) this.#freeBlock(number);
  }

  get(slot) {
    return slot < BATCHES ? this.#items[slot] : this.#blocks[numberOf(slot)].items[slot & (BLOCK - 1)];
  }

  take(slot) {
    if (slot >= BATCHES) return this.#takeOfBatch(slot);
    const item = this.#items[slot];
    this.#items[slot] = undefined;
    this.#free[this.#freeCount++] = slot;
    return item;
  }

  #takeOfBatch(slot) {
    const number = numberOf(slot);
    const block = this.#blocks[number];
    const at = slot & (BLOCK - 1);
    const item = block.items[at];
    block.items[at] = undefined;
    if (--block.left === 0) this.#freeBlock(number);
    return item;
  }

  /** The items of slots that follow each other: one slot, or some of one batch. */
  takeRun(first, count) {
    if (first < BATCHES) return [this.take(first)];
    const number = numberOf(first);
    const block = this.#blocks[number];
    if (count === block.items.length) {
      this.#freeBlock(number);
      return block.items;
    }
    const at = first & (BLOCK - 1);
    const taken = block.items.slice(at, at + count);
    block.left -= count;
    if (block.left === 0) this.#freeBlock(number);
    else block.items.fill(undefined, at, at + count);
    return taken;
  }

  #freeBlock(number) {
    this.#blocks[number] = null;
    this.#freeBlocks.push(number);
  }
}

function numberOf(slot) {
  return (slot - BATCHES) >>> BLOCK_BITS;
}

module.exports = { BLOCK, Table };
