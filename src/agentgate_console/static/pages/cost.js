/** Cost: what models took, by model, principal, day and session, and how the budgets stand. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { empty, head } from "../page.js";
import { Loading, drawn } from "../operating/loading.js";
import { OperatingPage, tabs, turning } from "../operating/parted.js";
import { styled } from "../elements/styled.js";
import { brief, dayBefore, dayName, dollars, figure } from "../operating/words.js";
import { budgets } from "../operating/budgets.js";
import { shown } from "../elements/shown.js";
import "../elements/chart.js";

await styled(new URL("../operating/operating.css", import.meta.url).href);

/**
 * @typedef {{input?: number, output?: number, cache_read?: number, thinking?: number, is_estimate?: boolean}} Usage
 * @typedef {{key: string, usage: Usage, cost_micros: number, unknown?: number, requests?: number,
 *   reserved_micros?: number}} Line
 * @typedef {{rows: Line[], total: Line, budgets?: import("../operating/budgets.js").Budget[], prices?: string}} Report
 */

const WAYS = /** @type {const} */ (["model", "principal", "day", "session"]);
const SPANS = [7, 30, 90];

/** Rows at first: the dearest; the rest comes on demand. */
const ROWS_SHOWN = 50;

export default class CostPage extends OperatingPage {
  static title = "Cost";
  static properties = { ...OperatingPage.properties, days: { state: true }, all: { state: true } };

  constructor() {
    super();
    this.days = 30;
    this.all = false;
    /** @type {Loading<Report & {by: string}>} */
    this.report = new Loading(this);
    /** @type {Loading<Report>} */
    this.daily = new Loading(this);
  }

  /** How the rows are summed: the second part of the address. @returns {typeof WAYS[number]} */
  get by() {
    return WAYS.find((way) => way === this.rest[0]) ?? "model";
  }

  keys() {
    const parts = WAYS.map((way) => ({ name: way }));
    return turning("cost", parts, this.by);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.get("rest") !== undefined) this.#ask();
  }

  async refresh() {
    const since = dayBefore(this.days - 1);
    this.daily.run(() => this.gateway.call("report_usage", { by: "day", since }));
    this.#ask();
  }

  #ask() {
    const [by, since] = [this.by, dayBefore(this.days - 1)];
    this.report.run(async () => ({ ...(await this.gateway.call("report_usage", { by, since })), by }));
  }

  /** @param {number} days */
  #span(days) {
    this.days = days;
    this.refresh();
  }

  render() {
    return html`
      ${head(
        "Cost",
        nothing,
        html`<fieldset class="choices">
          <legend class="heard-only">How far back</legend>
          ${SPANS.map(
            (days) => html`<label>
              <input type="radio" name="days" ?checked=${days === this.days} @change=${() => this.#span(days)} />
              ${days} days
            </label>`,
          )}
        </fieldset>`,
      )}
      ${drawn(this.daily, (report) => this.#whole(report), "the costs", () => this.refresh())}
    `;
  }

  /** @param {Report} report by day */
  #whole(report) {
    const { total } = report;
    if (!total.requests && !(report.budgets ?? []).length) {
      return empty(
        `No model was asked in the last ${this.days} days.`,
        html`What conversations cost stands here as soon as one begins: on the page Live, or with <code>agent-gate chat</code>. A limit is set under <code>sessions.budgets</code>.`,
      );
    }
    return html`
      ${totals(total)}
      ${(report.budgets ?? []).length
        ? html`<section class="card" aria-labelledby="budgets">
            <h2 id="budgets">Budgets</h2>
            ${budgets(report.budgets ?? [])}
          </section>`
        : nothing}
      ${total.requests
        ? this.#spent(report)
        : html`<p class="muted">No model was asked in the last ${this.days} days.</p>`}
      <p class="muted">
        ${this.isOperator ? nothing : "You see what your own conversations cost. "}Days are those of UTC.
        ${report.prices && report.prices !== "free" ? html`Prices: ${shown(report.prices)}.` : nothing}
      </p>
    `;
  }

  /** @param {Report} report by day */
  #spent({ rows }) {
    return html`<section class="card" aria-labelledby="days">
        <h2 id="days">Day by day</h2>
        ${this.#chart(rows)}
      </section>
      <section class="card" aria-labelledby="sums">
        <h2 id="sums">What it was for</h2>
        ${tabs("cost", WAYS.map((way) => ({ name: way, label: `By ${way}` })), this.by)}
        ${drawn(this.report, (sums) => this.#rows(sums), "these sums", () => this.refresh())}
      </section>`;
  }

  /** @param {Line[]} rows the newest day first */
  #chart(rows) {
    const known = new Map(rows.map((row) => [row.key, row.cost_micros / 1e6]));
    const days = Array.from({ length: this.days }, (_, back) => dayBefore(this.days - 1 - back));
    const dearest = rows.reduce((most, row) => (row.cost_micros > (most?.cost_micros ?? -1) ? row : most), rows[0]);
    const words = dearest
      ? `Cost of the last ${this.days} days. The dearest was ${dayName(dearest.key)} with ${dollars(dearest.cost_micros)}.` +
        " The table by day says the same."
      : "Nothing was spent.";
    return html`<console-chart
        class="chart"
        aria-label=${words}
        kind="bars"
        .format=${(/** @type {number} */ value) => `$${value.toFixed(value && value < 0.01 ? 4 : 2)}`}
        .times=${days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000)}
        .series=${[{ label: "Dollars", values: days.map((day) => known.get(day) ?? 0) }]}
      ></console-chart>
      <p class="muted">${words}</p>`;
  }

  /** @param {Report & {by: string}} report */
  #rows({ rows, total, by }) {
    if (!rows.length) return html`<p class="muted">Nothing in the last ${this.days} days.</p>`;
    const shown = this.all ? rows : rows.slice(0, ROWS_SHOWN);
    const most = Math.max(1, ...rows.map((row) => row.cost_micros));
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Cost by ${by}">
        <table class="table">
          <caption class="heard-only">Cost by ${by}, the last ${this.days} days</caption>
          <thead>
            <tr>
              <th scope="col">${by}</th>
              <th scope="col" class="number">Cost</th>
              <th scope="col" class="share only-wide"><span class="heard-only">Share</span></th>
              <th scope="col" class="number">Requests</th>
              <th scope="col" class="number only-wide">Read</th>
              <th scope="col" class="number only-wide">Written</th>
            </tr>
          </thead>
          <tbody>
            ${repeat(shown, (row) => row.key, (row) => line(row, by, most))}
          </tbody>
          <tfoot>
            ${line({ ...total, key: "All" }, "", 0)}
          </tfoot>
        </table>
      </div>
      ${shown.length < rows.length
        ? html`<button class="button" type="button" @click=${() => (this.all = true)}>
            Show the other ${figure(rows.length - shown.length)}
          </button>`
        : nothing}`;
  }
}

/**
 * @param {Line} row
 * @param {string} by
 * @param {number} most of the dearest row, in micros; 0: no share is drawn
 */
function line({ key, usage, cost_micros, unknown = 0, requests = 0 }, by, most) {
  const tokens = (/** @type {number} */ value) => `${usage.is_estimate ? "about " : ""}${brief(value)}`;
  return html`<tr>
    <th scope="row">
      ${by === "day" ? dayName(key) : html`<span class=${by === "session" ? "mono" : ""}>${shown(key || "unknown")}</span>`}
      <span class="only-narrow muted small-text">
        ${tokens(usage.input ?? 0)} read, ${tokens(usage.output ?? 0)} written
      </span>
    </th>
    <td class="number">
      ${dollars(cost_micros)}
      ${unknown ? html`<span class="muted under">${figure(unknown)} unknown</span>` : nothing}
    </td>
    <td class="share only-wide">
      ${most ? html`<meter min="0" max=${most} value=${cost_micros} aria-hidden="true"></meter>` : nothing}
    </td>
    <td class="number">${figure(requests)}</td>
    <td class="number only-wide">${tokens(usage.input ?? 0)}</td>
    <td class="number only-wide">${tokens(usage.output ?? 0)}</td>
  </tr>`;
}

/** @param {Line} total */
function totals({ usage, cost_micros, unknown = 0, requests = 0, reserved_micros = 0 }) {
  const { input = 0, output = 0, cache_read = 0 } = usage;
  /** @type {[string, string, string][]} */
  const figures = [
    [
      "Spent",
      dollars(cost_micros),
      reserved_micros ? `of which ${dollars(reserved_micros)} is reserved for what runs` : "nothing reserved",
    ],
    ["Requests", figure(requests), unknown ? `${figure(unknown)} of unknown cost` : "all with a known cost"],
    ["Tokens read", brief(input), input ? `${Math.round((100 * cache_read) / input)} % from the cache` : ""],
    ["Tokens written", brief(output), usage.thinking ? `${brief(usage.thinking)} of them thinking` : ""],
  ];
  return html`<dl class="figures">
    ${figures.map(
      ([name, value, more]) => html`<div class="card">
        <dt>${name}</dt>
        <dd><strong>${value}</strong>${more ? html`<span class="muted">${more}</span>` : nothing}</dd>
      </div>`,
    )}
  </dl>`;
}
