/** Mutes: agents about whose requests nobody is asked for a time; a part of the page of grants. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { toast } from "../elements/toast.js";
import { left } from "../elements/time.js";
import { Loading, drawn, wordsOf } from "./loading.js";
import { shown } from "../elements/shown.js";
import { moment } from "./words.js";

/** @typedef {{agent: string, until?: string, by: string, channel: string}} Mute */

/** @type {[number, string][]} minutes, and how they are said */
const SPANS = [
  [15, "15 minutes"],
  [60, "an hour"],
  [480, "8 hours"],
  [1_440, "a day"],
  [10_080, "a week"],
];

export class Mutes {
  #page;

  /** @param {import("../page.js").Page} page whose part this is */
  constructor(page) {
    this.#page = page;
    /** @type {Loading<{mutes: Mute[]}>} */
    this.mutes = new Loading(page);
  }

  refresh() {
    this.mutes.run(() => this.#page.gateway.call("list_mutes", {}));
  }

  /**
   * @param {string} agent
   * @param {number} minutes 0 ends it
   */
  async #mute(agent, minutes) {
    try {
      await this.#page.gateway.call("mute_agent", { agent, minutes });
      toast(minutes ? `Nobody is asked about ${agent} now.` : `People are asked about ${agent} again.`);
      return true;
    } catch (error) {
      toast(wordsOf(/** @type {Error} */ (error)), "bad");
      return false;
    } finally {
      this.refresh();
    }
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const filled = new FormData(form);
    const agent = String(filled.get("agent")).trim();
    if (agent && (await this.#mute(agent, Number(filled.get("minutes"))))) form.reset();
  }

  render() {
    return html`<section class="card" aria-labelledby="mutes">
      <h2 id="mutes">Muted agents</h2>
      <p class="muted">
        About a muted agent nobody is asked: what would ask is refused with words to that effect. What needs no person
        goes on.
      </p>
      ${drawn(this.mutes, ({ mutes }) => this.#rows(mutes), "the mutes", () => this.refresh())}
      <form class="fields" @submit=${(/** @type {SubmitEvent} */ event) => this.#submit(event)}>
        <label class="field"><span class="field-label">Agent</span><input name="agent" required maxlength="200" autocomplete="off" autocapitalize="none" spellcheck="false" />
        </label>
        <label class="field"><span class="field-label">For</span><select name="minutes">
            ${SPANS.map(([minutes, words]) => html`<option value=${minutes} ?selected=${minutes === 60}>${words}</option>`)}
          </select>
        </label>
        <button class="button" type="submit">Mute</button>
      </form>
    </section>`;
  }

  /** @param {Mute[]} mutes */
  #rows(mutes) {
    if (!mutes.length) return nothing;
    return html`<ul>
      ${repeat(
        mutes,
        (mute) => mute.agent,
        ({ agent, until = "", by, channel }) => html`<li class="item">
          <div class="row between">
            <p>
              <strong>${shown(agent)}</strong>
              <span class="muted">
                for <span title=${moment(until)}>${left(until)}</span>; by ${shown(by)}${channel
                  ? html` (${shown(channel)})`
                  : nothing}
              </span>
            </p>
            <button class="button" type="button" @click=${() => this.#mute(agent, 0)} aria-label="Unmute ${agent}">
              Unmute
            </button>
          </div>
        </li>`,
      )}
    </ul>`;
  }
}
