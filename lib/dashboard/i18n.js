import english from './texts-en.js';
import portuguese from './texts-pt.js';

const TEXTS = { en: english, pt: portuguese };

const stored = (name) => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};

/** What was chosen, else what the browser prefers. */
export let language = stored('warmpath.language') ?? (navigator.language.startsWith('pt') ? 'pt' : 'en');
if (!(language in TEXTS)) language = 'en';

/** The text of a name, with `{…}` filled in; the name itself where there is none, so that a gap is seen. */
export function t(name, values = {}) {
  const text = TEXTS[language][name] ?? english[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ''));
}

/** A text only where there is one; for names that come from the server. */
export const tOr = (name, otherwise) => (name in english ? t(name) : otherwise);

/** Puts the texts of a language into what is marked with data-t. */
export function translate(root = document) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
}

export function setLanguage(value) {
  language = value in TEXTS ? value : 'en';
  remember('warmpath.language', language);
  translate();
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is switched off: the choice holds for this visit.
  }
}

export const recall = stored;
