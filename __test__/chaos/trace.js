'use strict';

// What every process of a run did with every claim, written down as it happens, so that it outlives a SIGKILL: one file a
// process, one line an event. `Trace` reads them together with what the sandboxes saw, and tells the story of one job.

const fs = require('node:fs');
const path = require('node:path');

const short = (sha256) => sha256.slice(0, 8);

/** `kind:sha256:slug`, and the handle of a claim is that and `#fence`. */
const shaOf = (key) => key.split(':')[1];
const fenceOf = (handle) => Number(handle.slice(handle.lastIndexOf('#') + 1));

/**
 * Writes down what a worker process does: claims, what its engine answers, heartbeats, and what the store says to results.
 *
 * @param {{ file: string, store: object }} parts the store is patched in place
 * @returns {{ engine: (executor: object) => void }} to be called with every executor of the worker
 */
function record({ file, store }) {
  const fd = fs.openSync(file, 'a');
  const write = (events) => {
    const at = Date.now();
    if (events.length > 0) fs.writeSync(fd, events.map((event) => `${JSON.stringify([at, ...event])}\n`).join(''));
  };
  /** Notes the answer of a method for each of its inputs, or why there was none. */
  const around = (name, inputs, eventsOf) => {
    const method = store[name];
    store[name] = async function traced(...args) {
      const startedAt = Date.now();
      try {
        const answer = await method.apply(this, args);
        write(eventsOf(answer, args[0], startedAt));
        return answer;
      } catch (err) {
        const why = `${name} since ${startedAt}: ${err.message}`;
        const list = inputs(args[0]);
        write(list === null ? [[null, null, why]] : list.map(({ key, fence }) => [shaOf(key), fence, why]));
        throw err;
      }
    };
  };
  const same = (list) => list;
  around(
    'claim',
    () => null,
    (claims, _, startedAt) =>
      claims.map(({ key, fence, attempt, lostLeases }) => [
        shaOf(key),
        fence,
        `claimed, attempt ${attempt}, lost ${lostLeases}, asked at ${startedAt}`,
      ]),
  );
  around('extend', same, (kept, claims, startedAt) =>
    claims.map(({ key, fence }, i) => [
      shaOf(key),
      fence,
      `${kept[i] ? 'extended' : 'NOT extended'}, asked at ${startedAt}`,
      kept[i] ? { confirmedAt: startedAt } : undefined,
    ]),
  );
  around('settle', same, (results, outcomes, startedAt) =>
    outcomes.map(({ key, fence, status, error, charged }, i) => [
      shaOf(key),
      fence,
      `settled ${status} ${error?.code ?? ''} ${charged ? '' : 'uncharged'}: ${results[i].applied ? results[i].state : 'NOT APPLIED'}, asked at ${startedAt}`,
    ]),
  );
  around('release', same, (_, claims, startedAt) =>
    claims.map(({ key, fence }) => [shaOf(key), fence, `released, asked at ${startedAt}`]),
  );
  const heard = new WeakSet();
  return {
    engine(executor) {
      // The worker may ask for its executor again.
      if (heard.has(executor)) return;
      heard.add(executor);
      executor.on('settled', (outcomes) =>
        write(
          outcomes.map(({ key, status, error, possibleDuplicates = 0 }) => [
            shaOf(key),
            fenceOf(key),
            `engine: ${status}${error ? ` ${error.code} ${error.class} ${error.certainty} ${error.message}` : ''}`,
            { possibleDuplicates, certainty: error?.certainty },
          ]),
        ),
      );
    },
  };
}

/** The files of a run, read when it is over. */
class Trace {
  #events = new Map();
  #marks = [];

  /** @param {string} folder */
  static read(folder) {
    const trace = new Trace();
    for (const file of fs.readdirSync(folder)) {
      const name = path.parse(file).name;
      for (const line of fs.readFileSync(path.join(folder, file), 'utf8').split('\n')) {
        // The last one may be cut off by the end of its process.
        if (!line.endsWith(']')) continue;
        const [at, sha256, fence, what, facts] = JSON.parse(line);
        if (sha256 === null) trace.mark(at, `${name} ${what}`);
        else trace.#add(sha256, { at, claim: `${name}.${fence}`, what, facts });
      }
    }
    return trace;
  }

  #add(sha256, event) {
    const list = this.#events.get(sha256);
    if (list === undefined) this.#events.set(sha256, [event]);
    else list.push(event);
  }

  /** Something that concerns all jobs. */
  mark(at, what) {
    this.#marks.push({ at, what });
  }

  /** What is known of one claim, in order. */
  of(sha256, claim) {
    return (this.#events.get(sha256) ?? []).filter((one) => one.claim === claim);
  }

  /**
   * @param {object[]} requests what the sandbox saw of this job (ledger.js)
   * @returns {string} all that happened to the job, one line each; times in ms since its first event
   */
  story(sha256, requests) {
    const own = (this.#events.get(sha256) ?? []).map(({ at, claim, what }) => ({ at, text: `${claim} ${what}` }));
    const seen = requests.map(({ at, end, process, claim, status, faults }) => ({
      at,
      text: `${claim ?? process} at the sandbox for ${end - at} ms: ${status} ${faults}`,
    }));
    const lines = [...own, ...seen];
    if (lines.length === 0) return `${short(sha256)}: nothing is known`;
    const from = Math.min(...lines.map(({ at }) => at));
    const to = Math.max(...lines.map(({ at }) => at));
    const marks = this.#marks.filter(({ at }) => at > from - 1000 && at < to + 1000);
    const all = [...lines, ...marks.map(({ at, what }) => ({ at, text: `-- ${what}` }))].sort((a, b) => a.at - b.at);
    const sinceFrom = (text) => text.replace(/\b(asked at|since) (\d+)/, (_, word, at) => `${word} ${at - from}`);
    return [
      `${short(sha256)}, from ${from}:`,
      ...all.map(({ at, text }) => `  ${String(at - from).padStart(6)} ${sinceFrom(text)}`),
    ].join('\n');
  }
}

module.exports = { record, Trace };
