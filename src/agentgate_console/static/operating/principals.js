/** Principals: who may connect and who is here; a token for somebody new, and the end of one. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { confirmed } from "../elements/dialog.js";
import { toast } from "../elements/toast.js";
import { ago } from "../elements/time.js";
import { copyButton } from "./copying.js";
import { Loading, drawn, wordsOf } from "./loading.js";
import { shown } from "../elements/shown.js";
import { count, moment } from "./words.js";

/**
 * @typedef {{name: string, role: string, source: string, login?: string, revoked?: boolean,
 *   created_at?: string, connections?: number, last_seen?: string}} Principal
 * @typedef {{principals: Principal[], since?: string, problem?: string, more?: boolean}} PrincipalPage
 * @typedef {{name: string, role: string, token: string}} Made
 */

/** @type {[string, string][]} */
const ROLES = [
  ["agent", "agent: asks for tools"],
  ["approver", "approver: answers approvals"],
  ["operator", "operator: runs the gateway, may answer too"],
  ["console", "console: talks to named agents"],
  ["relay", "relay: another gateway in front of this one"],
];

export class Principals {
  #page;
  /** @type {Made | null} a token that is shown this once */
  made = null;
  problem = "";

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
    /** @type {Loading<PrincipalPage>} */
    this.principals = new Loading(page);
  }

  refresh() {
    this.principals.run(() => this.#page.gateway.call("list_principals", {}));
  }

  #further() {
    const known = this.principals.value?.principals ?? [];
    this.principals.run(async () => {
      const after = known[known.length - 1].name;
      const next = await this.#page.gateway.call("list_principals", { after });
      return { ...next, principals: [...known, ...next.principals] };
    });
  }

  /** @param {SubmitEvent} event */
  async #make(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const filled = new FormData(form);
    this.problem = "";
    try {
      const [name, role] = [String(filled.get("name")).trim(), String(filled.get("role"))];
      this.made = await this.#page.gateway.call("make_token", { name, role });
      form.reset();
    } catch (error) {
      this.problem = wordsOf(/** @type {Error} */ (error));
    }
    this.refresh();
  }

  /** @param {Principal} row */
  async #revoke({ name, role }) {
    const isOwn = name === this.#page.gateway.who?.name;
    const isMeant = await confirmed(
      `Revoke the token of ${name}?`,
      "Whoever has it can't connect any more, and what is connected with it is cut off." +
        (role === "agent" ? " What it asked for and what waits is withdrawn." : "") +
        (isOwn ? " It is the one with which you are here: you will be logged out." : ""),
      "Revoke",
    );
    if (!isMeant) return;
    try {
      const { remark = "" } = await this.#page.gateway.call("revoke_token", { name, confirm: isOwn });
      toast(`The token of ${name} counts no more. ${remark}`.trim());
    } catch (error) {
      toast(wordsOf(/** @type {Error} */ (error)), "bad");
    }
    this.refresh();
  }

  render() {
    return html`
      <section class="card" aria-labelledby="new">
        <h2 id="new">A token for somebody new</h2>
        ${this.made ? this.#once(this.made) : nothing}
        <form class="fields" @submit=${(/** @type {SubmitEvent} */ event) => this.#make(event)}>
          <label class="field"><span class="field-label">Name</span><input name="name" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" />
          </label>
          <label class="field"><span class="field-label">Role</span><select name="role">
              ${ROLES.map(([role, words]) => html`<option value=${role}>${words}</option>`)}
            </select>
          </label>
          <button class="button primary" type="submit">Make a token</button>
        </form>
        ${this.problem ? html`<p class="note lines bad" role="alert">${shown(this.problem)}</p>` : nothing}
      </section>
      <section class="card" aria-labelledby="who">
        <h2 id="who">Who may connect</h2>
        ${drawn(this.principals, (page) => this.#rows(page), "who may connect", () => this.refresh())}
      </section>
    `;
  }

  /** @param {Made} made */
  #once({ name, role, token }) {
    return html`<div class="note lines ok" role="status">
      <p><strong>The token of ${shown(name)} (${role}).</strong> It is shown this once: the gateway keeps only its hash.</p>
      <p class="row between">
        <span class="mono wrap secret" id="made-token">${token}</span> ${copyButton(token, "the token", "#made-token")}
      </p>
      <button class="button" type="button" @click=${() => {
        this.made = null;
        this.#page.requestUpdate();
      }}>I have it</button>
    </div>`;
  }

  /** @param {PrincipalPage} page */
  #rows({ principals, problem, more, since }) {
    return html`
      ${problem ? html`<p class="note lines warn">${shown(problem)}</p>` : nothing}
      <ul>
        ${repeat(principals, (row) => `${row.login}/${row.name}`, (row) => this.#row(row, since))}
      </ul>
      ${more
        ? html`<button class="button" type="button" ?disabled=${this.principals.busy} @click=${() => this.#further()}>
            Show more
          </button>`
        : nothing}
    `;
  }

  /**
   * @param {Principal} row
   * @param {string} [since] from when on it is known who was there
   */
  #row(row, since) {
    const { name, role, source, login, revoked, created_at, connections = 0, last_seen } = row;
    const seen = last_seen
      ? html`last here <span title=${moment(last_seen)}>${ago(last_seen)}</span>`
      : since
        ? html`not here since ${moment(since)}`
        : "never here";
    return html`<li class="item">
      <div class="row between">
        <div>
          <p class="row tight">
            <strong>${shown(name)}</strong>
            <span class="tag">${role}</span>
            ${revoked
              ? html`<span class="tag bad">revoked</span>`
              : connections
                ? html`<span class="tag ok">connected</span>`
                : nothing}
          </p>
          <p class="muted">
            ${login === "password" ? "a password" : "a token"}
            ${source === "config" ? "in the configuration" : "in the file of tokens"}${created_at
              ? html`, made <span title=${moment(created_at)}>${ago(created_at)}</span>`
              : nothing};
            ${connections ? count(connections, "connection") : seen}
          </p>
        </div>
        ${revoked || login === "password"
          ? nothing
          : html`<button class="button danger" type="button" aria-label="Revoke the token of ${name}" @click=${() => this.#revoke(row)}>
              Revoke
            </button>`}
      </div>
    </li>`;
  }
}
