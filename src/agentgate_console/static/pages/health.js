/** Health: how the gateway and each of its parts are, in words; what is kept, and until when. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { head } from "../page.js";
import { shown } from "../elements/shown.js";
import { styled } from "../elements/styled.js";
import { certificate, figures, stored } from "../operating/health-parts.js";
import { Loading, drawn } from "../operating/loading.js";
import { OperatingPage } from "../operating/parted.js";
import { list } from "../operating/policy-in-force.js";

await styled(new URL("../operating/operating.css", import.meta.url).href);

/** @typedef {import("../operating/health-parts.js").Health} Health */

/** @type {Record<string, [string, string]>} how a state is said, and its tone */
const STATES = { ok: ["well", "ok"], warning: ["look at it", "warn"], failing: ["failing", "bad"], off: ["off", ""] };

/** @type {Record<string, [string, string]>} */
const WHOLE = {
  ok: ["The gateway is well.", "ok"],
  failing: ["The gateway takes nothing new: its store can't be written.", "bad"],
  closing: ["The gateway is shutting down.", "warn"],
};

export default class HealthPage extends OperatingPage {
  static title = "Health";

  constructor() {
    super();
    /** @type {Loading<Health>} */
    this.health = new Loading(this);
  }

  async refresh() {
    this.health.run(() => this.gateway.call("report_health", {}));
  }

  render() {
    return html`
      ${head(
        "Health",
        nothing,
        html`<button class="button" type="button" ?disabled=${this.health.busy} @click=${() => this.refresh()}>Look again</button>`,
      )}
      ${drawn(this.health, (health) => this.#whole(health), "the gateway’s health", () => this.refresh())}
    `;
  }

  /** @param {Health} health */
  #whole(health) {
    const { status, warnings = [], parts = [] } = health;
    const [words, tone] = WHOLE[status] ?? [`The gateway says: ${status}.`, "warn"];
    const ailing = parts.filter(({ state }) => state !== "ok" && state !== "off").length;
    return html`
      <div class="note lines ${tone === "ok" && ailing ? "warn" : tone}" role="status">
        <p><strong>${words}</strong> ${ailing ? `${ailing} of its ${parts.length} parts should be looked at.` : nothing}</p>
      </div>
      ${list("Warnings", warnings, "warn")} ${figures(health)}
      <section class="card" aria-labelledby="parts">
        <h2 id="parts">Parts</h2>
        <ul>
          ${repeat(parts, ({ name }) => name, part)}
        </ul>
      </section>
      ${stored(health)} ${certificate(health)}
      ${this.isOperator ? nothing : html`<p class="muted">An operator sees more of it.</p>`}
    `;
  }
}

/** @param {{name: string, state: string, words?: string}} row */
function part({ name, state, words }) {
  const [said, tone] = STATES[state] ?? [state, "warn"];
  return html`<li class="item">
    <div class="row tight"><strong>${shown(name)}</strong> <span class="tag ${tone}">${said}</span></div>
    ${words ? html`<p class="muted">${shown(words)}</p>` : nothing}
  </li>`;
}
