'use strict';

const { WarmpathError } = require('../errors.js');

const FIRST_MS = 5000;

// As long as a looked-up bot is kept: nobody waits longer for a repaired one than for a changed one.
const LONGEST_MS = 300_000;

// While one job finds out whether the bot is accepted again, the others look so often; should nothing be heard of it for so
// long, another one is sent.
const LOOK_MS = 5000;
const UNHEARD_MS = 60_000;

// A bot that nobody repairs for so long is not going to be: its jobs fail, so that they do not wait for ever.
const PATIENCE_MS = 86_400_000;

// There is another chat to be sent to.
const AGAIN_MS = 100;

const UNAUTHORIZED = 'ERR_WARMPATH_TELEGRAM_UNAUTHORIZED';
const NO_CHAT = 'ERR_WARMPATH_TELEGRAM_CHAT';

const tokenScope = ({ botSlug }) => botSlug;
const chatScope = ({ botSlug, kind }, chatId) => `${botSlug}\n${kind}\n${chatId}`;

/**
 * The bots that Telegram refuses. A wrong setting of a bot is no fault of its jobs: they wait, uncharged, and now and then one
 * of them finds out whether the bot is accepted again: after 5 s, 10 s, and so on up to 5 min. After each refusal the bot is
 * looked up anew, and where it has another token or chat, all go on. A day after the first refusal the jobs fail.
 *
 * A token that is refused holds all jobs of the bot. A chat that is, only those of the kind that it was refused to (a group may
 * forbid photos alone) which have no other chat to go to.
 */
class BotPauses {
  #pauses = new Map();
  #now;

  /** @param {() => number} [now] a monotonic clock, for tests */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Why a job has to wait whatever its bot looks like by now; null where it is time to look it up.
   *
   * @returns {WarmpathError | null} with `retryAfterMs`; without it the job has failed
   */
  held(job) {
    const now = this.#now();
    const pause = this.#pauses.get(tokenScope(job));
    return pause !== undefined && pause.until > now ? told(job, pause, pause.until - now, now) : null;
  }

  /**
   * Whether a job may be sent by its bot, as that was just looked up, and to which chats.
   *
   * @param {{ botSlug: string, kind: string }} job
   * @param {{ token: string, chatIds: string[] }} bot
   * @returns {{ chatIds: string[] } | { error: WarmpathError }} the error as of held()
   */
  admit(job, bot) {
    const now = this.#now();
    const token = this.#pause(tokenScope(job), bot);
    const waitMs = token === undefined ? 0 : waitOf(token, now);
    if (waitMs > 0) return { error: told(job, token, waitMs, now) };
    const chats = bot.chatIds.map((id) => ({ id, pause: this.#pause(chatScope(job, id), bot) }));
    const open = chats.filter(({ pause }) => pause === undefined);
    const due = chats.find(({ pause }) => pause !== undefined && waitOf(pause, now) === 0);
    if (due === undefined && open.length === 0) return { error: toldOfChats(job, chats, now) };
    for (const asked of [token, due?.pause]) if (asked !== undefined) asked.heardBy = now + UNHEARD_MS;
    // The one that finds out is sent there and nowhere else.
    return { chatIds: due === undefined ? open.map(({ id }) => id) : [due.id] };
  }

  /**
   * What became of a job that was sent.
   *
   * @param {{ botSlug: string, kind: string }} job
   * @param {{ token: string, chatIds: string[] }} bot as it was looked up
   * @param {string[]} chatIds where the job might be sent to
   * @param {{ error?: { code: string, message: string, chatId?: string }, chatId?: string }} ended the error, or the chat it went to
   * @returns {{ error: WarmpathError, isNews: boolean } | null} where its bot was refused; the error as of held()
   */
  learn(job, bot, chatIds, { error, chatId }) {
    const isGood = error === undefined;
    for (const id of chatIds) this.#heard(chatScope(job, id), isGood && (chatIds.length === 1 || id === chatId));
    if (error?.code === UNAUTHORIZED) return this.#refused(tokenScope(job), job, bot, error);
    // Who hears that the chat is wrong has been let in: the token is good.
    this.#heard(tokenScope(job), isGood || error.code === NO_CHAT);
    const refusing = error?.chatId ?? (chatIds.length === 1 ? chatIds[0] : undefined);
    if (error?.code !== NO_CHAT || refusing === undefined) return null;
    const refusal = this.#refused(chatScope(job, refusing), job, bot, error, refusing);
    const others = bot.chatIds.some((id) => id !== refusing && this.#pause(chatScope(job, id), bot) === undefined);
    if (others) refusal.error.retryAfterMs = AGAIN_MS;
    return refusal;
  }

  /** That of this bot: another token makes it another one. */
  #pause(scope, { token }) {
    const pause = this.#pauses.get(scope);
    return pause?.token === token ? pause : undefined;
  }

  #heard(scope, isGood) {
    const pause = this.#pauses.get(scope);
    if (pause === undefined) return;
    if (isGood) this.#pauses.delete(scope);
    else pause.heardBy = 0;
  }

  #refused(scope, job, { token }, { code, message }, chatId) {
    const now = this.#now();
    const again = this.#pause(scope, { token });
    // Jobs that were on their way together are refused together: that is one refusal.
    if (again?.until > now) return { error: told(job, again, again.until - now, now), isNews: false };
    const lastMs = again === undefined ? FIRST_MS : Math.min(again.lastMs * 2, LONGEST_MS);
    const since = again?.since ?? now;
    const pause = { token, code, message, chatId, since, lastMs, until: now + lastMs, heardBy: 0 };
    this.#pauses.set(scope, pause);
    return { error: told(job, pause, lastMs, now), isNews: true };
  }
}

const waitOf = ({ until, heardBy }, now) => Math.max(0, until - now, heardBy > now ? LOOK_MS : 0);

function told({ botSlug }, { code, message, chatId, since }, waitMs, now) {
  const isOver = now - since >= PATIENCE_MS;
  const text = `Telegram refuses the bot ${botSlug}${chatId === undefined ? '' : ` in the chat ${chatId}`}: ${message}`;
  return new WarmpathError(code, text, { class: 'config', ...(!isOver && { retryAfterMs: Math.ceil(waitMs) }) });
}

/** Of several chats that refuse, the one that is asked again first. */
function toldOfChats(job, chats, now) {
  const [first] = chats.map(({ pause }) => pause).sort((a, b) => waitOf(a, now) - waitOf(b, now));
  return told(job, first, waitOf(first, now), now);
}

module.exports = { BotPauses };
