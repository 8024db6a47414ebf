/** Upstreams and devices: the gateways behind this one, and who is connected and provides tools. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { empty, head } from "../page.js";
import { when } from "../elements/time.js";
import { Loading, drawn } from "../operating/loading.js";
import { OperatingPage } from "../operating/parted.js";
import { styled } from "../elements/styled.js";
import { shown } from "../elements/shown.js";
import { count, moment, span } from "../operating/words.js";

await styled(new URL("../operating/operating.css", import.meta.url).href);

/**
 * @typedef {{name: string, place: string, status: string, attempt?: number, error?: string,
 *   latency_s?: number | null, principal?: string, calls?: number, agents?: string[], tools?: string[]}} Upstream
 * @typedef {{name: string, client_id: string, face: string, since: string, address?: string, tools?: string[],
 *   calls?: number}} Device
 */

/** @type {Record<string, string>} */
const TONES = { connected: "ok", connecting: "warn", reconnecting: "warn", closed: "bad" };

export default class UpstreamsPage extends OperatingPage {
  static title = "Upstreams and devices";
  static isTimed = true;

  constructor() {
    super();
    /** @type {Loading<{upstreams: Upstream[]}>} */
    this.upstreams = new Loading(this);
    /** @type {Loading<{devices: Device[], more?: boolean}>} */
    this.devices = new Loading(this);
  }

  async refresh() {
    if (this.isOperator) this.upstreams.run(() => this.gateway.call("list_upstreams", {}));
    this.devices.run(() => this.gateway.call("list_devices", {}));
  }

  render() {
    return html`
      ${head("Upstreams and devices", nothing, html`<button class="button" type="button" @click=${() => this.refresh()}>Look again</button>`)}
      <section class="card" aria-labelledby="upstreams">
        <h2 id="upstreams">Gateways behind this one</h2>
        ${this.isOperator
          ? drawn(this.upstreams, ({ upstreams }) => gateways(upstreams), "the gateways behind this one", () => this.refresh())
          : html`<p class="muted">Only an operator sees these.</p>`}
      </section>
      <section class="card" aria-labelledby="devices">
        <h2 id="devices">Connected devices</h2>
        ${drawn(this.devices, ({ devices, more }) => list(devices, more), "the devices", () => this.refresh())}
      </section>
    `;
  }
}

/** @param {Upstream[]} rows */
function gateways(rows) {
  if (!rows.length) {
    return empty("There is none.", html`Another gateway's tools and agents are offered here once it stands under <code>upstreams</code>.`);
  }
  return html`<ul>
    ${repeat(rows, (row) => row.name, (row) => html`<li class="item">${gateway(row)}</li>`)}
  </ul>`;
}

/** @param {Upstream} row */
function gateway({ name, place, status, attempt = 0, error, latency_s, principal, calls = 0, agents = [], tools = [] }) {
  return html`
    <div class="row tight">
      <strong>${shown(name)}</strong>
      <span class="tag ${TONES[status] ?? ""}">${status}</span>
      <span class="grow"></span>
      <span class="muted mono">${shown(place)}</span>
    </div>
    ${error ? html`<p class="note lines bad">${shown(error)}${attempt > 1 ? html` (${count(attempt, "attempt")})` : nothing}</p>` : nothing}
    <p class="muted">
      ${principal ? html`It takes this gateway for ${shown(principal)}. ` : nothing}
      ${latency_s ? `A round trip takes ${span(latency_s)}. ` : nothing}
      ${calls ? `${count(calls, "call")} under way. ` : nothing}
    </p>
    ${names("Agents", agents)} ${names("Tools", tools)}
  `;
}

/**
 * @param {Device[]} rows
 * @param {boolean} [more]
 */
function list(rows, more) {
  if (!rows.length) {
    return empty("No device is connected.", html`Who connects and offers tools or data stands here: a phone, a small computer, a program of yours with <code>provide</code>.`);
  }
  return html`<ul>
      ${repeat(rows, (row) => `${row.name}\n${row.client_id}\n${row.since}`, device)}
    </ul>
    ${more ? html`<p class="muted">There are others, which are not listed.</p>` : nothing}`;
}

/** @param {Device} row */
function device({ name, client_id, face, since, address, tools = [], calls = 0 }) {
  return html`<li class="item">
    <div class="row tight">
      <strong>${shown(name)}</strong>
      <span class="tag">${face}</span>
      ${calls ? html`<span class="tag accent">${count(calls, "call")} under way</span>` : nothing}
      <span class="grow"></span>
      <span class="muted" title=${moment(since)}>here since ${when(since)}</span>
    </div>
    <p class="muted">
      <span class="mono">${shown(client_id)}</span>${address ? html` from ${shown(address)}` : nothing}
    </p>
    ${names("Tools", tools)}
  </li>`;
}

/**
 * @param {string} what
 * @param {string[]} all
 */
function names(what, all) {
  if (!all.length) return nothing;
  return html`<p class="names">
    <span class="muted">${what}:</span> ${all.map((name) => html`<span class="tag mono">${shown(name)}</span> `)}
  </p>`;
}
