/** Figures, times and counts as people read them; one place, so that all pages say them alike. */

const MICROS = 1_000_000;
const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const moments = new Intl.DateTimeFormat("en-GB", {
  ...{ year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  hourCycle: "h23",
});

/** Dollars of micro-units, with as many places as it takes to tell small sums apart. @param {number} micros */
export function dollars(micros) {
  const value = micros / MICROS;
  const isCents = micros % 10_000 === 0;
  const places = isCents || Math.abs(value) >= 1 ? 2 : Math.abs(value) >= 0.001 ? 3 : 6;
  return `$${value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places })}`;
}

/** @param {number} value */
export const figure = (value) => whole.format(value);

/** A figure of four letters at most, as in 12.3K. @param {number} value */
export const brief = (value) => compact.format(value);

/**
 * @param {number} many
 * @param {string} thing
 * @param {string} [things]
 */
export const count = (many, thing, things = `${thing}s`) => `${figure(many)} ${many === 1 ? thing : things}`;

/** @param {number} size in bytes */
export function bytes(size) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value.toLocaleString("en", { maximumFractionDigits: unit && value < 100 ? 1 : 0 })} ${units[unit]}`;
}

/** A span in its two largest units. @param {number} seconds */
export function span(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  /** @type {[string, number][]} */
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  let left = Math.round(seconds);
  const parts = [];
  for (const [unit, size] of units.slice(first, first + 2)) {
    if (left >= size) parts.push(`${Math.floor(left / size)} ${unit}`);
    left %= size;
  }
  return parts.join(" ");
}

/** A time in the zone of whoever looks. @param {string} at RFC 3339 */
export function moment(at) {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : moments.format(time);
}

/** A day of a report, which is one of UTC. @param {string} day as in 2026-11-29 */
export const dayName = (day) => days.format(new Date(`${day}T00:00:00Z`));

/** The day so many days ago, UTC. @param {number} back */
export const dayBefore = (back) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);

/** The end of a long id is what nobody compares. @param {string} id */
export const shortId = (id) => (id.length > 10 ? `${id.slice(0, 8)}…` : id);
