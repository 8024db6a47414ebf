/** What a model would be sent, in pictures and figures: sections, what was left out, what breaks the cache. */

import { html, nothing } from "../vendor/lit.js";
import { vary } from "./bars.js";
import { dollars, percent, size, whole } from "./figures.js";

/** @type {Record<string, string>} */
export const NAMES = {
  system_prompt: "System prompt",
  memory: "Memory",
  skills: "Skills",
  history: "History",
  tools: "Tools",
  envelope: "Envelope",
};

/** Of a section's text, what is shown; all of it is in the request that can be saved. */
const SHOWN_CHARS = 50_000;

/**
 * @typedef {{name: string, bytes: number, tokens: number | null, cost_micros: number | null, content: string}} Section
 * @typedef {{model: string, model_id: string, backend: string, sections: Section[], envelope_bytes: number,
 *   bytes: number, tokens: number, counted?: boolean, cost_micros?: number | null, context_tokens?: number,
 *   left_out?: {section: string, what: string, bytes: number, why: string}[], cache_prefix_bytes?: number | null,
 *   breaks_at?: string | null, estimate_off?: number | null, body?: string}} Inspection as `inspect_session` answers
 */

/**
 * The sections, and what is in none.
 * @param {Inspection} inspection
 * @returns {Section[]}
 */
export const partsOf = ({ sections, envelope_bytes }) => [
  ...sections,
  { name: "envelope", bytes: envelope_bytes, tokens: null, cost_micros: null, content: "" },
];

/**
 * @param {Inspection} inspection
 * @param {string} title
 * @param {number} most bytes that the whole width stands for
 */
export function stackedBar(inspection, title, most) {
  const parts = partsOf(inspection);
  const words = parts.filter(({ bytes }) => bytes).map(({ name, bytes }) => `${NAMES[name] ?? name} ${size(bytes)}`);
  return html`
    <div class="context-bar">
      <p class="row between">
        <b>${title}</b>
        <span class="muted">${size(inspection.bytes)} · ${inspection.counted ? "" : "about "}${whole(inspection.tokens)} tokens</span>
      </p>
      <div class="bar" role="img" aria-label="${title}: ${words.join(", ")}">
        ${parts.map(
          ({ bytes }) => html`<i ?hidden=${!bytes} ${vary("--part", `${(100 * bytes) / most}%`)}></i>`,
        )}
      </div>
    </div>
  `;
}

/** Which colour is which section. */
export const legend = () => html`
  <p class="context-legend" aria-hidden="true">
    ${Object.values(NAMES).map(
      (name, at) => html`<span class="context-key" ${vary("--of", `var(--series-${at + 1})`)}>${name}</span>`,
    )}
  </p>
`;

/**
 * @param {Inspection} now
 * @param {Inspection | null} then with a text as the next message
 */
export function sectionTable(now, then) {
  const before = partsOf(now);
  const after = partsOf(then ?? now);
  const shown = then ?? now;
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Sections">
      <table class="table context-table">
        <thead>
          <tr>
            <th scope="col">Section</th>
            <th scope="col" class="number">Size</th>
            <th scope="col" class="number">Tokens</th>
            <th scope="col" class="number context-more">Share</th>
            <th scope="col" class="number ${then ? "context-more" : ""}">To read it</th>
            ${then ? html`<th scope="col" class="number">Change</th>` : nothing}
          </tr>
        </thead>
        <tbody>
          ${after.map(
            ({ name, bytes, tokens, cost_micros }, at) => html`<tr>
              <th scope="row">${NAMES[name] ?? name}</th>
              <td class="number">${size(bytes)}</td>
              <td class="number">${tokens === null ? "" : whole(tokens)}</td>
              <td class="number context-more">${percent(bytes, shown.bytes)}</td>
              <td class="number ${then ? "context-more" : ""}">${tokens === null ? "" : dollars(cost_micros)}</td>
              ${then ? html`<td class="number">${change(before[at]?.bytes ?? 0, bytes)}</td>` : nothing}
            </tr>`,
          )}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Together</th>
            <td class="number">${size(shown.bytes)}</td>
            <td class="number">${whole(shown.tokens)}</td>
            <td class="number context-more"></td>
            <td class="number ${then ? "context-more" : ""}">${dollars(shown.cost_micros)}</td>
            ${then ? html`<td class="number">${change(now.bytes, then.bytes)}</td>` : nothing}
          </tr>
        </tfoot>
      </table>
    </div>
  `;
}

/**
 * @param {number} before
 * @param {number} after
 */
function change(before, after) {
  if (before === after) return "same";
  return `${after > before ? "+" : "−"}${size(Math.abs(after - before))}`;
}

/**
 * How much of the request the vendor's cache may know, and what breaks it.
 * @param {Inspection} inspection
 */
export function cache({ cache_prefix_bytes: prefix, bytes, breaks_at: breaks }) {
  if (prefix === null || prefix === undefined) {
    return html`<p class="muted">No request of this session is remembered yet, so there is nothing to compare with.</p>`;
  }
  const is_same = prefix >= bytes || !breaks;
  return html`
    <div class="context-cache" aria-hidden="true"><i ${vary("--share", bytes ? prefix / bytes : 0)}></i></div>
    <p>
      The first ${size(prefix)} of ${size(bytes)} (${percent(prefix, bytes)}) are as in the last request.
      ${is_same
        ? "Nothing breaks the cache."
        : html`The first other byte is in <b>${NAMES[breaks] ?? breaks}</b>: from there on the cache is of no use.`}
    </p>
  `;
}

/** @param {Inspection} inspection */
export function leftOut({ left_out: rows = [] }) {
  if (!rows.length) return html`<p class="muted">Nothing: all that there is would be sent.</p>`;
  return html`
    <ul class="stack">
      ${rows.map(
        ({ section, what, bytes, why }) => html`<li>
          <span class="tag">${NAMES[section] ?? section}</span> <bdi>${what}</bdi>
          <span class="muted">${size(bytes)}: <bdi>${why}</bdi></span>
        </li>`,
      )}
    </ul>
  `;
}

/**
 * The texts themselves; each is made when it is opened.
 * @param {Inspection} inspection
 * @param {Set<string>} opened
 * @param {(name: string, isOpen: boolean) => void} toggled
 */
export const contents = ({ sections }, opened, toggled) =>
  sections
    .filter(({ content }) => content)
    .map(
      ({ name, content }) => html`<details
        @toggle=${(/** @type {Event} */ event) => toggled(name, /** @type {HTMLDetailsElement} */ (event.target).open)}
      >
        <summary>${NAMES[name] ?? name} <span class="muted">${whole(content.length)} letters</span></summary>
        ${opened.has(name)
          ? html`<pre class="json context-content" dir="auto" tabindex="0">${content.slice(0, SHOWN_CHARS)}</pre>
              ${content.length > SHOWN_CHARS
                ? html`<p class="muted">${whole(content.length - SHOWN_CHARS)} more letters: save the request to see them.</p>`
                : nothing}`
          : nothing}
      </details>`,
    );
