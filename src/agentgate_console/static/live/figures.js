/** Figures as people read them. */

const MICROS = 1_000_000;

/**
 * Money, as exact as it matters: "$0.0042".
 * @param {number | null | undefined} micros of a dollar; null: nobody knows
 */
export function dollars(micros) {
  if (micros === null || micros === undefined) return "unknown";
  const value = micros / MICROS;
  if (value === 0) return "$0";
  return `$${value.toFixed(value >= 1 ? 2 : value >= 0.01 ? 3 : 5)}`;
}

/** @param {number} count */
export const whole = (count) => count.toLocaleString("en-US");

/**
 * A size: "12.4 kB".
 * @param {number} bytes
 */
export function size(bytes) {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/**
 * A share in percent: "<1 %", "42 %".
 * @param {number} part
 * @param {number} of
 */
export function percent(part, of) {
  if (!of || !part) return "0 %";
  const share = (100 * part) / of;
  return share < 1 ? "<1 %" : `${Math.round(share)} %`;
}
