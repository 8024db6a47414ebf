/** Console sessions: the browsers that are logged in, and the end of one. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { confirmed } from "../elements/dialog.js";
import { toast } from "../elements/toast.js";
import { ago, left } from "../elements/time.js";
import { browserOf } from "./browsers.js";
import { Loading, drawn, wordsOf } from "./loading.js";
import { shown } from "../elements/shown.js";
import { moment } from "./words.js";

/**
 * @typedef {{id: string, principal: string, role: string, by: string, address?: string, browser?: string,
 *   created_at: string, used_at: string, expires_at: string}} ConsoleSession
 */

export class ConsoleSessions {
  #page;

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
    /** @type {Loading<{sessions: ConsoleSession[]}>} */
    this.sessions = new Loading(page);
  }

  refresh() {
    this.sessions.run(() => this.#page.gateway.call("list_console_sessions", {}));
  }

  /** @param {ConsoleSession} session */
  async #revoke({ id, principal, browser = "" }) {
    const isMeant = await confirmed(
      "End this login?",
      `${principal} has to log in again with ${browserOf(browser)}; open pages of it are closed. It may be this one.`,
      "End it",
    );
    if (!isMeant) return;
    try {
      await this.#page.gateway.call("revoke_console_session", { id });
      toast("The login is over.", "ok");
    } catch (error) {
      toast(wordsOf(/** @type {Error} */ (error)), "bad");
    }
    this.refresh();
  }

  render() {
    return html`<section class="card" aria-labelledby="console-sessions">
      <h2 id="console-sessions">Browsers that are logged in</h2>
      ${drawn(this.sessions, ({ sessions }) => this.#rows(sessions), "the sessions", () => this.refresh())}
    </section>`;
  }

  /** @param {ConsoleSession[]} sessions */
  #rows(sessions) {
    if (!sessions.length) return html`<p class="muted">None.</p>`;
    return html`<ul>
      ${repeat(sessions, (session) => session.id, (session) => this.#row(session))}
    </ul>`;
  }

  /** @param {ConsoleSession} session */
  #row(session) {
    const { principal, role, by, address, browser = "", created_at, used_at, expires_at } = session;
    return html`<li class="item">
      <div class="row between">
        <div>
          <p class="row tight">
            <strong>${shown(principal)}</strong> <span class="tag">${role}</span>
            <span title=${browser}>${shown(browserOf(browser))}</span>
            ${address ? html`<span class="muted">from ${shown(address)}</span>` : nothing}
          </p>
          <p class="muted">
            Logged in by ${by} <span title=${moment(created_at)}>${ago(created_at)}</span>, used
            <span title=${moment(used_at)}>${ago(used_at)}</span>; ends in
            <span title=${moment(expires_at)}>${left(expires_at)}</span> unless it is used.
          </p>
        </div>
        <button class="button danger" type="button" aria-label="End the login of ${principal} with ${browserOf(browser)}"
          @click=${() => this.#revoke(session)}>
          End
        </button>
      </div>
    </li>`;
  }
}
