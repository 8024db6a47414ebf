/** Grants: what approvals cover beyond their request, and about whom nobody is asked. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { empty, head } from "../page.js";
import { confirmed } from "../elements/dialog.js";
import { toast } from "../elements/toast.js";
import { Loading, drawn, wordsOf } from "../operating/loading.js";
import { Mutes } from "../operating/mutes.js";
import { OperatingPage } from "../operating/parted.js";
import { styled } from "../elements/styled.js";
import { count, moment } from "../operating/words.js";
import { shown } from "../elements/shown.js";
import { ago, left } from "../elements/time.js";

await styled(new URL("../operating/operating.css", import.meta.url).href);

/**
 * @typedef {{id: string, agent: string, tool: string, words: string, created_at: string, expires_at: string,
 *   uses_left: number, approver: string, channel: string, status: string, revoked_by?: string}} Grant
 * @typedef {{grants: Grant[], more?: boolean}} GrantPage
 */

export default class GrantsPage extends OperatingPage {
  static title = "Grants";
  static isTimed = true;

  constructor() {
    super();
    /** @type {Loading<GrantPage>} */
    this.grants = new Loading(this);
    this.mutes = new Mutes(this);
  }

  async refresh() {
    this.grants.run(() => this.gateway.call("list_grants", {}));
    this.mutes.refresh();
  }

  /** Add the next page to what is shown. */
  #older() {
    const known = this.grants.value?.grants ?? [];
    this.grants.run(async () => {
      const next = await this.gateway.call("list_grants", { before: known[known.length - 1].id });
      return { ...next, grants: [...known, ...next.grants] };
    });
  }

  /** @param {Grant} grant */
  async #revoke(grant) {
    const isMeant = await confirmed(
      "Revoke this grant?",
      `${grant.words} From now on a person is asked again. What already runs goes on.`,
      "Revoke",
    );
    if (!isMeant) return;
    try {
      await this.gateway.call("revoke_grant", { id: grant.id });
      toast("The grant is revoked.");
    } catch (error) {
      toast(wordsOf(/** @type {Error} */ (error)), "bad");
    }
    this.refresh();
  }

  render() {
    return html`
      ${head("Grants")}
      ${drawn(this.grants, (page) => this.#lists(page), "the grants", () => this.refresh())}
      ${this.mutes.render()}
    `;
  }

  /** @param {GrantPage} page */
  #lists({ grants, more }) {
    const active = grants.filter((grant) => grant.status === "active");
    const over = grants.filter((grant) => grant.status !== "active");
    return html`
      <section class="card" aria-labelledby="active">
        <h2 id="active">In force</h2>
        ${active.length
          ? html`<ul>
              ${repeat(active, (grant) => grant.id, (grant) => this.#row(grant))}
            </ul>`
          : empty("No grant is in force.", "One is made with “Approve for…” on a request in the Inbox. It is listed here until it ends.")}
      </section>
      ${over.length
        ? html`<section class="card" aria-labelledby="over">
            <h2 id="over">Over</h2>
            <ul>
              ${repeat(over, (grant) => grant.id, (grant) => this.#row(grant))}
            </ul>
          </section>`
        : nothing}
      ${more
        ? html`<button class="button" type="button" ?disabled=${this.grants.busy} @click=${() => this.#older()}>
            Show older grants
          </button>`
        : nothing}
    `;
  }

  /** @param {Grant} grant */
  #row(grant) {
    const { words, agent, approver, channel, created_at, expires_at, uses_left, status, revoked_by } = grant;
    const isActive = status === "active";
    return html`<li class="item">
      <div class="row tight">
        <strong>${shown(agent)}</strong>
        <span class="tag mono">${shown(grant.tool)}</span>
        ${isActive ? nothing : html`<span class="tag">${status}</span>`}
      </div>
      <p class="words">${shown(words)}</p>
      <div class="row between">
        <p class="muted">
          Given by ${shown(approver)}${channel ? html` (${shown(channel)})` : nothing}
          <span title=${moment(created_at)}>${ago(created_at)}</span>${isActive
            ? html`; ends in <span title=${moment(expires_at)}>${left(expires_at)}</span>, or after
                ${count(uses_left, "use")}`
            : revoked_by
              ? html`; revoked by ${shown(revoked_by)}`
              : html`; ended ${moment(expires_at)}`}.
        </p>
        ${isActive
          ? html`<button
              class="button danger"
              type="button"
              aria-label="Revoke the grant of ${agent} for ${grant.tool}"
              @click=${() => this.#revoke(grant)}
            >
              Revoke
            </button>`
          : nothing}
      </div>
    </li>`;
  }
}
