/** This device: whether the console is told of what waits here, also while it is closed. */

import { html, nothing } from "../vendor/lit.js";
import { workerProblem } from "../elements/installed.js";
import { toast } from "../elements/toast.js";
import { wordsOf } from "./loading.js";

/** Without the Internet a browser never answers. */
const SUBSCRIBE_MS = 5_000;

export class ThisDevice {
  #page;
  isBusy = false;
  /** @type {boolean | null} null: it is not known yet */
  isSubscribed = null;

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** Why this device can't have push, in words; "": it can. */
  get problem() {
    const { push } = this.#page.gateway;
    if (push === "off") return "This gateway does not push: console.push is off.";
    if (push !== "on") return `This gateway ${push}.`;
    return workerProblem() || ("PushManager" in window ? "" : "This browser takes no push here. On an iPhone, put the console on the home screen first.");
  }

  async refresh() {
    this.isSubscribed = false;
    if (!this.problem) {
      const endpoint = (await this.#subscription())?.endpoint ?? "";
      const known = await this.#page.gateway.post("push/key", { endpoint }).catch(() => ({}));
      this.isSubscribed = Boolean(known.subscribed);
    }
    this.#page.requestUpdate();
  }

  async #subscription() {
    const registration = await navigator.serviceWorker.getRegistration();
    return registration?.pushManager.getSubscription() ?? null;
  }

  async #subscribe() {
    if ((await Notification.requestPermission()) !== "granted") {
      throw new Error("Your browser does not let the console notify: allow it in its settings for this address.");
    }
    const { key } = await this.#page.gateway.post("push/key");
    const { pushManager } = await navigator.serviceWorker.ready;
    const made = await soon(pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
    const { endpoint, keys = {} } = made.toJSON();
    await this.#page.gateway.post("push/subscribe", { endpoint, key: keys.p256dh, auth: keys.auth });
    toast("This device is told of what waits, also while the console is closed.");
  }

  async #unsubscribe() {
    const subscription = await this.#subscription();
    if (!subscription) return;
    await this.#page.gateway.post("push/unsubscribe", { endpoint: subscription.endpoint });
    await subscription.unsubscribe();
    toast("This device is told no more.");
  }

  async #try() {
    const endpoint = (await this.#subscription())?.endpoint ?? "";
    const { sent } = await this.#page.gateway.post("push/try", { endpoint });
    if (!sent) throw new Error("The push service does not know this device any more: switch it on again.");
    toast("It was sent. Whether it arrives, your device shows.");
  }

  /** @param {() => Promise<void>} action */
  async #run(action) {
    this.isBusy = true;
    this.#page.requestUpdate();
    try {
      await action();
    } catch (error) {
      toast(wordsOf(/** @type {Error} */ (error)), "bad");
    }
    this.isBusy = false;
    await this.refresh();
  }

  render() {
    const { problem, isBusy, isSubscribed } = this;
    return html`<section class="card" aria-labelledby="this-device">
      <h2 id="this-device">This device</h2>
      <p class="muted">
        While the console is open it notifies by itself. While it is closed, the push service of your browser's maker can:
        what an agent asks goes there encrypted for this device, and a tap opens the console.
      </p>
      ${problem
        ? html`<p class="note lines">${problem}</p>`
        : html`<div class="row">
            ${isSubscribed
              ? html`<button class="button" type="button" ?disabled=${isBusy} @click=${() => this.#run(() => this.#try())}>Try it</button>
                  <button class="button danger" type="button" ?disabled=${isBusy} @click=${() => this.#run(() => this.#unsubscribe())}>
                    Tell this device no more
                  </button>`
              : html`<button
                  class="button primary"
                  type="button"
                  ?disabled=${isBusy || isSubscribed === null}
                  @click=${() => this.#run(() => this.#subscribe())}
                >
                  ${isBusy ? "Asking your browser …" : "Tell this device"}
                </button>`}
          </div>`}
      ${isSubscribed && !problem ? html`<p class="muted small-text">It was switched on for you at this device.</p>` : nothing}
    </section>`;
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function soon(promise) {
  const late = new Promise((_, reject) => {
    const text = "Your browser does not reach its push service: it needs the Internet, and no private window.";
    setTimeout(() => reject(new Error(text)), SUBSCRIBE_MS);
  });
  return /** @type {Promise<T>} */ (Promise.race([promise, late]));
}
