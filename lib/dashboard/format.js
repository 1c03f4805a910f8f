import { language } from './i18n.js';

const locale = () => (language === 'pt' ? 'pt-BR' : 'en-GB');

export const number = (value) => new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(value);

export const percent = (share) =>
  new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: 0 }).format(share);

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  let left = value;
  while (left >= 1000 && i < units.length - 1) {
    left /= 1000;
    i++;
  }
  return `${number(left)} ${units[i]}`;
}

/** Milliseconds as people say them. */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${number(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}

/** The time of day; the date too where it is not today. */
export function clock(ms) {
  const date = new Date(ms);
  const today = date.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(locale(), { timeStyle: 'medium', ...(!today && { dateStyle: 'short' }) }).format(date);
}
