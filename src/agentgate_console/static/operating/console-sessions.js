/** Console sessions: the browsers that are logged in, and the end of one. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { confirmed } from "../elements/dialog.js";
import { toast } from "../elements/toast.js";
import { ago, left } from "../elements/time.js";
import { Loading, drawn, wordsOf } from "./loading.js";
import { shown } from "../elements/shown.js";
import { moment } from "./words.js";

/**
 * @typedef {{id: string, name?: string, principal?: string, role?: string, created_at: string, last_seen?: string,
 *   used_at?: string, expires_at?: string, address?: string, agent?: string, browser?: string, login?: string,
 *   current?: boolean}} ConsoleSession
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
  async #revoke({ id, principal = "", current }) {
    const isMeant = await confirmed(
      current ? "Log out here?" : "End this session?",
      current
        ? "This is the browser that you are using."
        : `The browser of ${principal || "this person"} has to log in again.`,
      current ? "Log out" : "End it",
    );
    if (!isMeant) return;
    try {
      await this.#page.gateway.call("revoke_console_session", { id });
      toast("The session is over.");
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
    const { principal, role, created_at, last_seen, expires_at, address, browser, login, current } = session;
    return html`<li class="item">
      <div class="row between">
        <div>
          <p class="row tight">
            <strong>${shown(principal ?? "")}</strong>
            ${role ? html`<span class="tag">${role}</span>` : nothing}
            ${current ? html`<span class="tag ok">this browser</span>` : nothing}
          </p>
          <p class="muted">
            ${browser ? html`${shown(browser)}` : nothing}${address ? html` from ${shown(address)}` : nothing}${login
              ? html`, by ${login}`
              : nothing}
          </p>
          <p class="muted">
            logged in <span title=${moment(created_at)}>${ago(created_at)}</span>${last_seen
              ? html`, last used <span title=${moment(last_seen)}>${ago(last_seen)}</span>`
              : nothing}${expires_at ? html`, ends in <span title=${moment(expires_at)}>${left(expires_at)}</span> at the latest` : nothing}
          </p>
        </div>
        <button class="button danger" type="button" @click=${() => this.#revoke(session)}>
          ${current ? "Log out" : "End"}
        </button>
      </div>
    </li>`;
  }
}
