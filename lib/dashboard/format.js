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
  // Rounded first: 59.9 s after a full minute are no "60 s".
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(ms / 60_000);
  return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
}

const two = (large, unit, small, smaller) =>
  small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`;

/** The time of day; the date too where it is not today. */
export function clock(ms) {
  const date = new Date(ms);
  const today = date.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(locale(), { timeStyle: 'medium', ...(!today && { dateStyle: 'short' }) }).format(date);
}
