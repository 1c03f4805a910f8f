'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { startWorld } = require('./support/example.js');
const { chromiumPath, startChromium } = require('./support/chromium.js');

// WARMPATH_SCREENSHOTS=folder keeps a picture of each state.
const pictures = process.env.WARMPATH_SCREENSHOTS;
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const JOBS = 300;
const ROUTE = '/api/admin/media/prewarm/';

const executable = chromiumPath();

describe('the dashboard, in Chromium', { skip: executable === null }, () => {
  let world;
  let app;
  let browser;
  let context;
  let page;
  const wrong = [];

  before(async () => {
    world = await startWorld();
    app = await world.app();
    browser = await startChromium(executable);
    context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      colorScheme: 'light',
      locale: 'en-GB',
    });
    page = await context.newPage();
    page.on('console', (message) => {
      // What the browser says by itself of the 401 before the login.
      if (message.type() === 'error' && !/status of 401/.test(message.text())) wrong.push(message.text());
    });
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(app.url)) wrong.push(`asked ${request.url()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) =>
        console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
      );
    });
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  const shot = async (name) => {
    if (pictures) await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  };
  const tile = (name) => page.locator(`[data-tile="${name}"] span`);
  const toBe = (locator, text) => page.waitForFunction(([el, wanted]) => el.textContent === wanted, [locator, text]);
  const shows = async (name, text) => toBe(await tile(name).elementHandle(), text);
  const mode = async (text) => toBe(await page.locator('#mode').elementHandle(), text);

  /** Media in the bucket and in the tables, the last of them not in the bucket. */
  async function enqueue(count) {
    const items = [];
    for (let i = 0; i < count; i++) {
      const body = Buffer.from(`media number ${i}`);
      const item = {
        bot_slug: world.bots[i % 2].slug,
        sha256: createHash('sha256').update(body).digest('hex'),
        kind: 'document',
        r2_key: `media/${i}.txt`,
      };
      if (i < count - 1) await world.r2.put('media', item.r2_key, body, { contentType: 'text/plain' });
      items.push(item);
    }
    const { status } = await app.json('POST', '/api/media/prewarm', { items });
    assert.equal(status, 202);
    return items;
  }

  async function judged() {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  }

  it('asks for the token, once', async () => {
    await page.goto(`${app.url}${ROUTE.slice(0, -1)}`);
    assert.deepEqual(await judged(), []);
    await shot('login');
    await page.fill('#token', 'not-the-token-at-all');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.getElementById('problem').textContent !== '');
    await page.fill('#token', world.adminToken);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#tiles [data-tile="ready"]');
    assert.equal(await page.locator('#link').getAttribute('data-state'), 'live');
    const cookies = await context.cookies();
    assert.deepEqual(
      cookies.map(({ name, httpOnly, sameSite, path: at }) => [name, httpOnly, sameSite, at]),
      [['warmpath_session', true, 'Strict', ROUTE]],
    );
  });

  it(`sees ${JOBS} media through without a reload: paused, resumed, faster, one failed and retried`, async () => {
    await page.evaluate(() => {
      globalThis.sameDocument = true;
    });
    await mode('running');
    await page.click('#pause');
    await mode('paused');
    const items = await enqueue(JOBS);
    await shows('ready', String(JOBS));
    await toBe(await page.locator('#held li').elementHandle(), `${JOBS} in the store: the worker is held`);
    await shot('paused');

    await page.fill('#slots', '12');
    await page.press('#slots', 'Enter');
    await page.waitForFunction(() => /12/.test(document.querySelector('[data-tile="running"] small').textContent));
    await page.click('#resume');
    await mode('running');
    await shows('succeeded', String(JOBS - 1));
    await shows('failed', '1');
    await shot('settled');

    await page.selectOption('#state', 'failed');
    // Until the answer is there, the rows of the state before stand there.
    await page.waitForFunction(() => {
      const [only, ...more] = document.querySelectorAll('#jobs tbody tr');
      return more.length === 0 && /ERR_WARMPATH_SOURCE_NOT_FOUND/.test(only?.textContent);
    });
    const row = page.locator('#jobs tbody tr');
    await page.waitForFunction(() =>
      /permanent.*ERR_WARMPATH_SOURCE_NOT_FOUND.*answered 404.*1(just now|.* ago)/.test(
        document.getElementById('errors').textContent,
      ),
    );
    await row.getByRole('button', { name: /^Why/ }).click();
    await page.waitForSelector('dialog[open]');
    await shot('why');
    await page.keyboard.press('Escape');

    const missing = items.at(-1);
    await world.r2.put('media', missing.r2_key, Buffer.from(`media number ${JOBS - 1}`), { contentType: 'text/plain' });
    await row.getByRole('button', { name: /^Retry/ }).click();
    await shows('succeeded', String(JOBS));
    await page.waitForSelector('#no-jobs:not([hidden])');
    const ready = (await world.rows()).filter(({ status }) => status === 'ready');
    assert.equal(ready.length, JOBS);
    assert.equal(await page.evaluate(() => globalThis.sameDocument), true, 'the page was loaded again');
  });

  it('has no serious fault for those who cannot see, or use no mouse; light and dark, wide and narrow', async () => {
    await page.selectOption('#state', '');
    for (const scheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
        // Charts are drawn anew for their card, when the page has heard of its width.
        await page.waitForFunction(() =>
          [...document.querySelectorAll('.chart')].every(
            (card) => Math.abs(card.querySelector('.uplot').offsetWidth - card.clientWidth) <= 1,
          ),
        );
        // Judging takes seconds: in the short form, each theme and each width once.
        const judge = process.env.WARMPATH_TEST_LONG || (scheme === 'light') === (width === 1280);
        if (judge) assert.deepEqual(await judged(), [], `${scheme}, ${width} wide`);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(overflow, 0, `${width} wide: the page scrolls sideways`);
        await shot(`${scheme}-${width}`);
      }
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
    const reached = new Set();
    await page.evaluate(() => document.body.focus());
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(() => document.activeElement.id));
    }
    for (const id of ['language', 'theme', 'stop', 'pause', 'slots', 'retry-all', 'state', 'search']) {
      assert.ok(reached.has(id), `${id} cannot be reached by keyboard`);
    }
  });

  it('speaks Portuguese, and asks before it drops anything', async () => {
    await page.selectOption('#language', 'pt');
    await mode('em execução');
    assert.equal(await page.getAttribute('html', 'lang'), 'pt');
    await page.click('#stop');
    await page.waitForSelector('dialog[open]');
    assert.match(await page.locator('#dialog-title').textContent(), /Parar o worker/);
    await page.click('#dialog-no');
    await page.waitForSelector('dialog:not([open])', { state: 'attached' });
    await mode('em execução');
    await page.click('#stop');
    await page.click('#dialog-yes');
    await mode('parado');
    await shot('portuguese');
    await page.click('#start');
    await mode('em execução');
  });

  it('holds its policy, says nothing to the console, and ends its session', async () => {
    const { headers } = await app.call('GET', `${ROUTE}metrics`);
    assert.equal(headers.get('cache-control'), 'no-store');
    const answer = await page.request.get(`${app.url}${ROUTE}`);
    assert.match(answer.headers()['content-security-policy'], /^default-src 'self';/);
    await page.click('#logout');
    await page.waitForSelector('#token');
    assert.equal((await page.request.get(`${app.url}${ROUTE}state`)).status(), 401);
    assert.deepEqual(wrong, []);
  });
});
