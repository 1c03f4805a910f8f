'use strict';

const { invalidOption } = require('../options');
const { Fault, readSpec } = require('./fault');
const { Mix } = require('./mix');

/**
 * What a sandbox knows of faults.
 * @typedef {object} FaultProtocol
 * @property {string[]} matchers the facts a request of this sandbox has
 * @property {string[]} [lateMatchers] those known only once the body was read
 * @property {string[]} kinds the kinds that make sense
 * @property {Record<string, object>} [names] faults by name
 * @property {Record<string, (random: () => number) => object>} [recipes] what a mix makes of each of its names
 */

/** The schedule of faults of one sandbox. */
class FaultBook {
  #faults = [];
  #mixes = [];
  #nextId = 1;
  #protocol;

  /** @param {FaultProtocol} protocol */
  constructor(protocol) {
    this.#protocol = { lateMatchers: [], names: {}, recipes: {}, ...protocol };
  }

  /** Adds a fault; it stays in the list after its last bite, so that its count can be read. */
  add(given) {
    const spec = readSpec(given, this.#protocol);
    const fault = new Fault(this.#nextId, spec, { match: this.#readMatch(spec.match) });
    if (fault.at === 'head') this.#refuseLate(fault.match);
    this.#nextId += 1;
    this.#faults.push(fault);
    return fault;
  }

  /**
   * Lets a share of all requests go wrong, by a seed.
   *
   * @param {{ seed: number, percent: Record<string, number>, match?: object }} given
   * @returns {Mix}
   */
  mix(given) {
    const match = this.#readMatch(given?.match);
    this.#refuseLate(match);
    const mix = new Mix(given, {
      match,
      recipes: this.#protocol.recipes,
      make: (spec, onBite) => new Fault(0, readSpec(spec, this.#protocol), { onBite }),
    });
    this.#mixes.push(mix);
    return mix;
  }

  #refuseLate(match) {
    if (this.#protocol.lateMatchers.some((name) => name in match)) {
      throw invalidOption('faults.add: that part of match is known only after the body: give a later `at`');
    }
  }

  #readMatch(match = {}) {
    const out = {};
    for (const key of Object.keys(match)) {
      if (!this.#protocol.matchers.includes(key)) {
        throw invalidOption(`faults.add: match may hold ${this.#protocol.matchers.join(', ')}`);
      }
      if (match[key] === undefined) continue;
      if (key !== 'keyPattern') out[key] = String(match[key]);
      else out[key] = toPattern(match[key]);
    }
    return out;
  }

  /**
   * The faults due on this request at this stage: any number of modifiers and at most one other. Reading them uses
   * them up, so each stage asks once, and every request asks at its head.
   *
   * @param {'head' | 'body' | 'answer'} stage
   * @param {Record<string, unknown>} facts
   * @param {object} request the same object at every stage of one request
   * @param {(fault: Fault) => boolean} [can] which faults can be done here at all; others are left for later
   */
  take(stage, facts, request, can = () => true) {
    const due = { modifiers: [], main: null };
    if (this.#faults.length === 0 && this.#mixes.length === 0) return due;
    for (const mix of this.#mixes) {
      if (stage === 'head' && matches(mix.match, facts)) mix.draw(request, can);
      const fault = mix.drawn(request);
      if (fault?.at !== stage || fault.taken > 0) continue;
      fault.taken = 1;
      if (fault.modifier) due.modifiers.push(fault);
      else due.main ??= fault;
    }
    for (const fault of this.#faults) {
      if (fault.at !== stage || !can(fault) || !matches(fault.match, facts) || !fault.isDue()) continue;
      if (fault.modifier) due.modifiers.push(fault);
      else if (due.main === null) due.main = fault;
      else continue;
      fault.taken += 1;
    }
    return due;
  }

  list() {
    return [...this.#faults];
  }

  mixes() {
    return [...this.#mixes];
  }

  remove(id) {
    const before = this.#faults.length;
    this.#faults = this.#faults.filter((fault) => fault.id !== id);
    return this.#faults.length < before;
  }

  clear() {
    this.#faults = [];
    this.#mixes = [];
  }
}

function toPattern(given) {
  if (given instanceof RegExp) return given;
  try {
    return new RegExp(given, 'u');
  } catch {
    throw invalidOption('faults.add: keyPattern must be a RegExp or the source of one');
  }
}

function matches(match, facts) {
  for (const [name, wanted] of Object.entries(match)) {
    if (wanted instanceof RegExp) {
      // A global or sticky pattern keeps its place between calls.
      wanted.lastIndex = 0;
      if (facts.key === undefined || !wanted.test(facts.key)) return false;
    } else if (facts[name] === undefined || String(facts[name]).toLowerCase() !== wanted.toLowerCase()) {
      return false;
    }
  }
  return true;
}

module.exports = { FaultBook };
