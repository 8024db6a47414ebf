/** What health tells beside the parts: figures, what is kept and for how long, and the certificate. */

import { html, nothing } from "../vendor/lit.js";
import { left } from "../elements/time.js";
import { shown } from "../elements/shown.js";
import { bytes, count, figure, moment, span } from "./words.js";

/**
 * @typedef {{status: string, version?: string, uptime_s?: number, warnings?: string[],
 *   parts?: {name: string, state: string, words?: string}[], figures?: Record<string, number>,
 *   store?: Record<string, any>, certificate?: {ends_at: string, names?: string[]} | null}} Health
 */

/** @param {Health} health */
export function figures({ version, uptime_s, figures: known = {} }) {
  const rows = Object.entries(known).map(([name, value]) => [worded(name), said(name, value)]);
  if (uptime_s !== undefined) rows.unshift(["Up for", span(uptime_s)]);
  if (version) rows.push(["Version", version]);
  if (!rows.length) return nothing;
  return html`<dl class="figures">
    ${rows.map(
      ([name, value]) => html`<div class="card">
        <dt>${shown(name)}</dt>
        <dd><strong>${shown(value)}</strong></dd>
      </div>`,
    )}
  </dl>`;
}

/** @param {Health} health */
export function stored({ store }) {
  if (!store) return nothing;
  return html`<section class="card" aria-labelledby="store">
    <h2 id="store">What is kept</h2>
    <dl class="facts">
      ${Object.entries(store).map(([name, value]) => html`<dt>${worded(name)}</dt><dd>${shown(said(name, value))}</dd>`)}
    </dl>
  </section>`;
}

/** @param {Health} health */
export function certificate({ certificate: found }) {
  if (!found) return nothing;
  const { ends_at, names = [] } = found;
  return html`<section class="card" aria-labelledby="certificate">
    <h2 id="certificate">Certificate</h2>
    <dl class="facts">
      <dt>Ends</dt>
      <dd>${moment(ends_at)}: ${left(ends_at) === "over" ? "it is over, clients refuse it" : `in ${left(ends_at)}`}</dd>
      ${names.length ? html`<dt>For</dt><dd>${shown(names.join(", "))}</dd>` : nothing}
    </dl>
  </section>`;
}

/** The name of a member, for people. @param {string} name */
function worded(name) {
  const words = name.replace(/_(s|bytes|at|days)$/, "").replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/**
 * A value in the unit that its name ends with.
 * @param {string} name
 * @param {any} value
 * @returns {string}
 */
function said(name, value) {
  if (name.endsWith("_at")) return value ? moment(value) : "never";
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  if (/bytes/.test(name)) return bytes(value);
  if (name.endsWith("_days")) return count(value, "day");
  if (name.endsWith("_s")) return span(value);
  return figure(value);
}
