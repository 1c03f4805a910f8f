'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { Refusal } = require('./http.js');

const FOLDER = path.join(__dirname, '..', 'dashboard');

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** What may be asked for; a name from outside never becomes a path. */
const ASSETS = new Set([
  'app.js',
  'api.js',
  'actions.js',
  'charts.js',
  'dom.js',
  'format.js',
  'i18n.js',
  'jobs.js',
  'login.js',
  'panels.js',
  'texts-en.js',
  'texts-pt.js',
  'style.css',
  'icon.svg',
  'vendor/uPlot.iife.min.js',
  'vendor/uPlot.min.css',
]);

/** Nothing from elsewhere, nothing inline, no frame, no form to another place. */
const SECURITY = {
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

const files = new Map();

async function load(name) {
  let file = files.get(name);
  if (file === undefined) {
    const body = await fs.readFile(path.join(FOLDER, name));
    const tag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
    file = { body, tag: `"${tag}"`, type: TYPES[path.extname(name)] };
    files.set(name, file);
  }
  return file;
}

async function send(req, res, name, { status = 200, cache } = {}) {
  const { body, tag, type } = await load(name);
  const headers = { ...SECURITY, 'Content-Type': type, 'Cache-Control': cache };
  if (status === 200) headers.ETag = tag;
  for (const [header, value] of Object.entries(headers)) res.setHeader(header, value);
  if (status === 200 && req.headers['if-none-match'] === tag) {
    res.statusCode = 304;
    res.end();
    return;
  }
  res.statusCode = status;
  res.setHeader('Content-Length', String(body.length));
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** The dashboard. */
const page = (req, res) => send(req, res, 'index.html', { cache: 'no-cache' });

/** In its place where nobody is logged in: 401, so that a program does not take it for the page. */
const loginPage = (req, res) => send(req, res, 'login.html', { status: 401, cache: 'no-store' });

/** Scripts and styles, which hold nothing but code. */
function asset(req, res, name) {
  if (!ASSETS.has(name)) throw new Refusal(404, 'NOT_FOUND', 'there is no such file');
  return send(req, res, name, { cache: 'no-cache' });
}

module.exports = { page, loginPage, asset };
