/** Logging in: by a token, by a passkey, or by the link of `agent-gate console` (which app.js takes). */

import { messageOf } from "./gateway.js";
import { html, nothing } from "./vendor/lit.js";

/** @type {{busy: boolean, error: string}} */
const state = { busy: false, error: "" };

/**
 * The form for who is not logged in.
 * @param {import("./gateway.js").Gateway} gateway
 */
export function loginForm(gateway) {
  const again = () => gateway.dispatchEvent(new Event("state"));

  /** @param {() => Promise<unknown>} way */
  async function go(way) {
    Object.assign(state, { busy: true, error: "" });
    gateway.trouble = "";
    again();
    try {
      await way();
    } catch (error) {
      state.error = messageOf(error);
    }
    state.busy = false;
    again();
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("token"));
    const token = field.value.trim();
    if (!token) return field.focus();
    go(() => gateway.login({ token })).then(() => {
      if (gateway.who) return;
      field.select();
    });
  }

  const byPasskey = () =>
    go(async () => {
      const { login } = await import("./passkeys.js");
      await login();
      await gateway.loggedIn();
    });

  const said = state.error || gateway.trouble;
  return html`<main class="door">
    <form class="card door-card" @submit=${submit}>
      <p class="brand"><span class="brand-mark" aria-hidden="true"></span>agentgate</p>
      <h1>Log in</h1>
      ${said ? html`<p class="note bad" role="alert">${said}</p>` : nothing}
      <label class="field">
        <span class="field-label">Your token</span>
        <input
          name="token"
          type="password"
          autocomplete="current-password"
          spellcheck="false"
          autocapitalize="off"
          ?disabled=${state.busy}
          autofocus
        />
        <span class="muted small-text">It is sent once and not kept by this page.</span>
      </label>
      <button class="button primary" ?disabled=${state.busy}>${state.busy ? "Logging in …" : "Log in"}</button>
      ${canHavePasskeys()
        ? html`<button type="button" class="button" ?disabled=${state.busy} @click=${byPasskey}>Use a passkey</button>`
        : nothing}
      <p class="muted small-text">
        At the gateway's machine, <span class="mono">agent-gate console</span> opens this page already logged in.
      </p>
    </form>
  </main>`;
}

/** A passkey belongs to a name, and a browser gives none to a page that came in clear text. */
const canHavePasskeys = () =>
  isSecureContext && "credentials" in navigator && "PublicKeyCredential" in globalThis && !/^[\d.]+$|:/.test(location.hostname);
