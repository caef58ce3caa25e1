// Numbers, money, shares, durations and instants as texts. What is not known has a word of its own, and is never 0.

const digits = (least, most) => new Intl.NumberFormat("en", { minimumFractionDigits: least, maximumFractionDigits: most });
const whole = digits(0, 0);
const tenths = digits(0, 1);
const hundredths = digits(0, 2);
const cents = digits(2, 2);
const precise = new Intl.NumberFormat("en", { minimumSignificantDigits: 2, maximumSignificantDigits: 2 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

function money(value) {
  const size = Math.abs(value);
  if (size === 0) return "$0";
  const text = size >= 100_000 ? compact.format(size) : size >= 0.1 ? cents.format(size) : precise.format(size);
  return `${value < 0 ? "−" : ""}$${text}`;
}

function share(value) {
  const percent = value * 100;
  return `${(percent === 0 || Math.abs(percent) >= 1 ? tenths : hundredths).format(percent)} %`;
}

function duration(value) {
  if (value < 1) return `${hundredths.format(value)} ms`;
  if (value < 1_000) return `${whole.format(value)} ms`;
  if (value < 60_000) return `${hundredths.format(value / 1_000)} s`;
  return `${tenths.format(value / 60_000)} min`;
}


const number = (value) => tenths.format(value);

const formats = { usd: money, ratio: share, ms: duration, tokens: number, count: number };

/** `value` as a text in `unit` (usd, ratio, ms, tokens, count, text, state, time). */
export function format(value, unit) {
  if (value === null || value === undefined || value === "") return unit === "usd" ? "unknown" : "–";
  if (unit === "time") return instant(new Date(value));
  return formats[unit] ? formats[unit](value) : String(value);
}

/** As `format`, with at most a few characters: for axes and for large figures. */
export function short(value, unit) {
  if ((unit === "count" || unit === "tokens") && Math.abs(value) >= 10_000) return compact.format(value);
  return format(value, unit).replace(/\.00$/, "");
}

/** Is a value of `unit` a number, to be aligned on the right? */
export const isNumeric = (unit) => unit in formats;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** The instant as day and time, the day left out when it is today. */
export function instant(date) {
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** The time of day, to the second. */
export const timeOfDay = (date) => seconds.format(date);

/** A label of the time axis: the day at midnight, the time otherwise. */
export const tick = (date) => (date.getHours() + date.getMinutes() === 0 ? day.format(date) : clock.format(date));
