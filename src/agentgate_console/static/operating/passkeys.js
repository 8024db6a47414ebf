/** Passkeys: those with which one may log in and approve; a new one, and the end of one. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { confirmed } from "../elements/dialog.js";
import { toast } from "../elements/toast.js";
import { ago } from "../elements/time.js";
import { Loading, drawn, wordsOf } from "./loading.js";
import { shown } from "../elements/shown.js";
import { moment } from "./words.js";

/**
 * @typedef {{id: string, principal: string, name: string, created_at: string, used_at?: string, is_synced?: boolean,
 *   counts?: boolean}} Passkey
 */

export class Passkeys {
  #page;
  isBusy = false;

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
    /** @type {Loading<{passkeys: Passkey[]}>} */
    this.passkeys = new Loading(page);
  }

  refresh() {
    this.passkeys.run(() => this.#page.gateway.call("list_passkeys", {}));
  }

  /** @param {SubmitEvent} event */
  async #add(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("passkey-name"));
    this.isBusy = true;
    this.#page.requestUpdate();
    try {
      const { register } = await import("../passkeys.js");
      await register(field.value.trim());
      field.value = "";
      toast("This passkey may log in and approve now.");
    } catch (error) {
      toast(wordsOf(/** @type {Error} */ (error)), "bad");
    }
    this.isBusy = false;
    this.refresh();
  }

  /** @param {Passkey} passkey */
  async #remove({ id, name = "" }) {
    const isMeant = await confirmed(
      "Remove this passkey?",
      `${name || "It"} can't log in or approve any more. What it has signed stays in the audit.`,
      "Remove",
    );
    if (!isMeant) return;
    try {
      await this.#page.gateway.call("remove_passkey", { id });
      toast("The passkey is removed.", "ok");
    } catch (error) {
      toast(wordsOf(/** @type {Error} */ (error)), "bad");
    }
    this.refresh();
  }

  render() {
    const canAdd = isSecureContext && "PublicKeyCredential" in window;
    return html`<section class="card" aria-labelledby="passkeys">
      <h2 id="passkeys">Passkeys</h2>
      <p class="muted">
        A passkey logs you in without a token, and signs what you approve where a rule demands it.
      </p>
      ${canAdd
        ? html`<form class="stack" @submit=${(/** @type {SubmitEvent} */ event) => this.#add(event)}>
            <label class="field"><span class="field-label">What you call it</span>
              <input name="passkey-name" maxlength="64" autocomplete="off" placeholder="Phone" />
              <span class="muted small-text">Without a name it is called after this device.</span>
            </label>
            <div><button class="button primary" ?disabled=${this.isBusy}>
              ${this.isBusy ? "Follow your browser …" : "Add a passkey"}
            </button></div>
          </form>`
        : html`<p class="note lines">
            This address can't have passkeys: they need a name and a certificate that the browser trusts. To make one:
            <code>agent-gate cert</code>.
          </p>`}
      ${drawn(this.passkeys, ({ passkeys }) => this.#rows(passkeys), "the passkeys", () => this.refresh())}
    </section>`;
  }

  /** @param {Passkey[]} passkeys */
  #rows(passkeys) {
    if (!passkeys.length) return html`<p class="muted">There is none yet.</p>`;
    return html`<ul>
      ${repeat(passkeys, (passkey) => passkey.id, (passkey) => html`<li class="item">
        <div class="row between">
          <div>
            <p class="row tight">
              <strong>${shown(passkey.name || "Passkey")}</strong> <span>of ${shown(passkey.principal)}</span>
              ${passkey.counts === false ? html`<span class="tag warn">counts no more</span>` : nothing}
            </p>
            <p class="muted">
              Made <span title=${moment(passkey.created_at)}>${ago(passkey.created_at)}</span>,
              ${passkey.used_at
                ? html`used <span title=${moment(passkey.used_at)}>${ago(passkey.used_at)}</span>`
                : "not used yet"}${passkey.is_synced ? "; it may be on several devices" : ""}.
              ${passkey.counts === false ? "The token is gone with which it was made: make a new one." : nothing}
            </p>
          </div>
          <button class="button danger" type="button" aria-label="Remove ${passkey.name || "this passkey"}" @click=${() => this.#remove(passkey)}>
            Remove
          </button>
        </div>
      </li>`)}
    </ul>`;
  }
}
