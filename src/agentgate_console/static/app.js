/** The console: its start, its pages, its keys, and what it says of the connection. */

import { prepareAnnouncing, announce } from "./elements/announce.js";
import { everySecond, secondsLeft } from "./elements/time.js";
import { Gateway, messageOf } from "./gateway.js";
import { address, go } from "./page.js";
import { html, LitElement, nothing, svg } from "./vendor/lit.js";

const PEOPLE = ["approver", "operator"];
const OPERATORS = ["operator"];

/**
 * The pages; a module is fetched when its page is opened. `bar`: it is in the bar of a phone.
 * @type {{name: string, title: string, roles: string[], group: string, icon: string, bar?: boolean}[]}
 */
export const PAGES = [
  { name: "inbox", title: "Inbox", roles: PEOPLE, group: "Now", bar: true, icon: "M3 13h5l2 3h4l2-3h5M5 5h14l2 8v6H3v-6z" },
  { name: "live", title: "Live", roles: PEOPLE, group: "Now", bar: true, icon: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5" },
  { name: "context", title: "Context", roles: PEOPLE, group: "Now", icon: "M4 6h16M4 12h10M4 18h13" },
  { name: "cost", title: "Cost", roles: PEOPLE, group: "Looking back", bar: true, icon: "M4 20V4M4 20h16M8 16v-4M12 16V8M16 16v-6" },
  { name: "audit", title: "Audit", roles: OPERATORS, group: "Looking back", icon: "M6 3h12v18H6zM9 8h6M9 12h6M9 16h4" },
  { name: "policy", title: "Policy", roles: PEOPLE, group: "Rules", icon: "M12 3l8 3v6c0 5-3.500 7.500-8 9-4.500-1.500-8-4-8-9V6zM9 12l2 2 4-4" },
  { name: "grants", title: "Grants", roles: PEOPLE, group: "Rules", icon: "M8 15a5 5 0 1 1 4.600-3H21v4h-3v-2M8 10h.01" },
  { name: "agents", title: "Agents and tokens", roles: PEOPLE, group: "House", icon: "M5 9h14v10H5zM12 9V5M9 14h.01M15 14h.01M3 13v3M21 13v3" },
  { name: "upstreams", title: "Upstreams and devices", roles: PEOPLE, group: "House", icon: "M12 4v6M6 14v-2h12v2M3 14h6v6H3zM15 14h6v6h-6zM9 4h6" },
  { name: "health", title: "Health", roles: PEOPLE, group: "House", icon: "M3 12h4l3-7 4 14 3-7h4" },
];

/** Keys that count even where the others are switched off: they change nothing. */
const ALWAYS = ["?", "Escape"];
const TOLD_MAX = 1_000;
const MORE_ICON = "M5 12h.01M12 12h.01M19 12h.01";

/** What is told of how the page is reached; once a login. */
const PLAIN_ADDRESS =
  "This address is plain HTTP: anyone on the way can read along, and there are no passkeys, no installing and no push. ";

class ConsoleApp extends LitElement {
  static properties = {
    page: { state: true },
    problem: { state: true },
    isHinted: { state: true },
    form: { state: true },
  };

  constructor() {
    super();
    this.gateway = new Gateway();
    /** The page that is open. @type {import("./page.js").Page | null} */
    this.page = null;
    this.problem = "";
    this.isHinted = true;
    /** The form for logging in, once it has come. @type {any} */
    this.form = null;
    this.name = "";
    this.isFirst = true;
    /** Approvals that were told of. @type {Set<string>} */
    this.told = new Set();
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    prepareAnnouncing();
    setTheme(storedTheme());
    const { gateway } = this;
    for (const event of ["state", "listed", "approval"]) gateway.addEventListener(event, () => this.requestUpdate());
    gateway.addEventListener("state", () => this.#stateChanged());
    gateway.addEventListener("approval", (event) => this.#arrived(/** @type {CustomEvent} */ (event).detail));
    gateway.addEventListener("back", () => this.page?.refresh());
    addEventListener("hashchange", () => (linkOf(location.hash) ? this.#begin() : this.#route()));
    addEventListener("keydown", (event) => this.#key(event));
    everySecond(() => gateway.state === "lost" && this.requestUpdate());
    this.#begin();
  }

  async #begin() {
    const link = linkOf(location.hash);
    if (!link) return this.gateway.start();
    history.replaceState(null, "", location.pathname); // it is good once, and is nobody else's business
    try {
      await this.gateway.login({ link });
    } catch (error) {
      await this.gateway.start();
      this.gateway.trouble ||= messageOf(error);
      this.requestUpdate();
    }
  }

  async #stateChanged() {
    const { state } = this.gateway;
    if (state === "out") {
      this.page = null;
      this.name = "";
      this.form ??= (await import("./login.js")).loginForm;
    } else if (this.gateway.who && !this.page && !this.name) {
      await this.#route();
      whenIdle(async () => (await import("./elements/installed.js")).prepareWorker());
    }
    if (state === "lost" && this.lastState === "connected") announce("The connection is lost. It is made again.", "assertive");
    if (state === "connected" && this.lastState === "lost") announce("Connected again.");
    this.lastState = state;
  }

  /** Tell of what is asked, once. @param {import("./gateway.js").Approval} view */
  async #arrived(view) {
    const { id, status, agent, tool } = view;
    if (status !== "waiting" || this.told.has(id)) return;
    this.told.add(id);
    if (this.told.size > TOLD_MAX) this.told.delete(/** @type {string} */ (this.told.values().next().value));
    announce(`${agent} asks for ${tool}.`);
    if (document.hidden && globalThis.Notification?.permission === "granted") {
      const { notify } = await import("./elements/notify.js");
      notify(/** @type {any} */ (view), this.gateway.waiting.size);
    }
  }

  /** Open the page that the address names. */
  async #route() {
    const { gateway } = this;
    if (!gateway.who) return;
    const role = gateway.who.role;
    const [wanted = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
    const entry = PAGES.find(({ name, roles }) => name === wanted && roles.includes(role)) ?? PAGES[0];
    if (this.page && this.name === entry.name) {
      this.page.rest = rest;
      return;
    }
    this.name = entry.name;
    this.requestUpdate();
    try {
      if (entry.name !== "inbox") await (await import("./elements/styled.js")).pagesStyled();
      const { default: kind } = await import(`./pages/${entry.name}.js`);
      if (this.name !== entry.name || !gateway.who) return;
      const tag = `page-${entry.name}`;
      if (!customElements.get(tag)) customElements.define(tag, kind);
      const page = /** @type {import("./page.js").Page} */ (document.createElement(tag));
      Object.assign(page, { gateway, rest });
      this.page = page;
      this.problem = "";
      await this.updateComplete;
      await page.updateComplete;
      if (!this.isFirst) page.querySelector("h1")?.focus({ preventScroll: true });
      if (!this.isFirst) scrollTo(0, 0);
      this.isFirst = false;
      await page.refresh();
    } catch (error) {
      if (this.name !== entry.name) return;
      if (!this.page || this.page.localName !== `page-${entry.name}`) this.page = null;
      this.problem = `${entry.title} can't be shown: ${messageOf(error)}`;
      console.error(error);
    }
  }

  /** @returns {import("./page.js").Key[]} */
  #keys() {
    const pages = this.#pages().map(({ name, title }, at) => ({
      key: String((at + 1) % 10),
      label: `Go to ${title}`,
      run: () => go(name),
    }));
    return [...(this.page?.keys() ?? []), { key: "?", label: "Show the keys", run: () => this.#help() }, ...pages];
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
    const isTyping = target.isContentEditable || target.matches?.("input, textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.repeat && event.key !== "j" && event.key !== "k") return;
    if (document.querySelector("dialog[open]") || !this.gateway.who) return;
    if (isTyping && event.key !== "Escape") return;
    const found = this.#keys().find(({ key }) => key === event.key);
    if (!found || (!areKeysOn() && !ALWAYS.includes(event.key))) return;
    event.preventDefault();
    found.run(event);
  }

  async #help() {
    const { keysDialog } = await import("./elements/keys.js");
    keysDialog(this.#keys());
  }

  #pages() {
    const role = this.gateway.who?.role ?? "";
    return PAGES.filter(({ roles }) => roles.includes(role));
  }

  /** Many changes are one picture. */
  async scheduleUpdate() {
    if (this.hasUpdated && !document.hidden) await new Promise(requestAnimationFrame);
    return super.scheduleUpdate();
  }

  updated() {
    const { size } = this.gateway.waiting;
    const title = PAGES.find(({ name }) => name === this.name)?.title;
    document.title = `${size ? `(${size}) ` : ""}${title ? `${title} · ` : ""}agentgate`;
  }

  render() {
    const { gateway } = this;
    if (gateway.state === "out") return html`${this.form?.(gateway) ?? nothing}`;
    if (!gateway.who) return html`<main class="starting">${this.#banner()}</main>`;
    return html`
      <a class="skip" href="#main" @click=${this.#skip}>Skip to the page</a>
      <div class="shell">
        ${this.#navigation()}
        <div class="content">
          ${this.#banner()} ${this.#hint()}
          <main id="main" tabindex="-1">
            ${this.problem
              ? html`<div class="note bad" role="alert">
                  <p>${this.problem}</p>
                  <button class="button" @click=${() => location.reload()}>Load the console anew</button>
                </div>`
              : nothing}
            ${this.page ?? nothing}
          </main>
        </div>
      </div>
      ${this.#bar()}
    `;
  }

  /** @param {Event} event */
  #skip = (event) => {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (this.querySelector("#main"))?.focus();
  };

  #banner() {
    const { state, trouble, retryAt } = this.gateway;
    if (state !== "lost") return nothing;
    const seconds = Math.ceil((retryAt - Date.now()) / 1_000);
    const next = seconds > 1 ? `next attempt in ${seconds} s` : "trying again";
    return html`<div class="banner" role="status">
      <span class="pulse" aria-hidden="true"></span>
      <p><b>No connection to the gateway</b>, ${next}. What you see may be old. <span class="muted">${trouble}</span></p>
    </div>`;
  }

  #hint() {
    if (this.gateway.secure || isLocal() || !this.isHinted) return nothing;
    return html`<div class="banner calm">
      <p>${PLAIN_ADDRESS}<span class="mono">agent-gate cert</span> makes a certificate for this house.</p>
      <button class="button quiet small" @click=${() => (this.isHinted = false)}>Hide</button>
    </div>`;
  }

  #navigation() {
    const { who, version } = this.gateway;
    const groups = Map.groupBy ? Map.groupBy(this.#pages(), ({ group }) => group) : grouped(this.#pages());
    return html`<nav class="rail" aria-label="Pages">
      <a class="brand" href=${address("inbox")}><span class="brand-mark" aria-hidden="true"></span>agentgate</a>
      ${[...groups].map(
        ([group, pages]) => html`<div class="rail-group">
          <p class="rail-title">${group}</p>
          ${pages.map((page) => this.#link(page))}
        </div>`,
      )}
      <div class="rail-foot">${this.#account(version)}</div>
    </nav>`;
  }

  /** @param {string} version */
  #account(version) {
    const { who } = this.gateway;
    return html`
      <p class="who"><bdi>${who?.name}</bdi> <span class="muted">${who?.role}</span></p>
      <div class="row tight">
        <button class="button quiet small" @click=${this.#turnTheme}>Theme: ${storedTheme().replace("system", "auto")}</button>
        <button class="button quiet small" @click=${() => this.gateway.logout().catch(() => {})}>Log out</button>
      </div>
      <p class="muted small-text">${version ? `agentgate ${version}` : nothing}</p>
    `;
  }

  /** @param {typeof PAGES[number]} page */
  #link({ name, title, icon }) {
    const count = name === "inbox" ? this.gateway.waiting.size : 0;
    return html`<a
      class="rail-link"
      href=${address(name)}
      aria-current=${name === this.name ? "page" : nothing}
      @click=${() => this.querySelector("dialog.more")?.removeAttribute("open")}
      >${drawn(icon)}<span class="rail-name">${title}</span>${count
        ? html`<span class="count"><span aria-hidden="true">${count > 999 ? "999+" : count}</span
            ><span class="heard-only">${count} waiting</span></span>`
        : nothing}</a
    >`;
  }

  #bar() {
    const pages = this.#pages();
    return html`<nav class="bottom" aria-label="Pages, in short">
        ${pages.filter(({ bar }) => bar).map((page) => this.#link(page))}
        <button
          class="rail-link"
          aria-haspopup="dialog"
          aria-current=${pages.some(({ bar, name }) => !bar && name === this.name) ? "true" : nothing}
          @click=${this.#openMore}
        >
          ${drawn(MORE_ICON)}<span class="rail-name">More</span>
        </button>
      </nav>
      <dialog class="sheet" aria-label="All pages" @click=${this.#closeMore}>
        <div class="sheet-body">
          ${pages.map((page) => this.#link(page))}
          <hr />
          ${this.#account(this.gateway.version)}
          <button class="button">Close</button>
        </div>
      </dialog>`;
  }

  get #sheet() {
    return /** @type {HTMLDialogElement} */ (this.querySelector("dialog.sheet"));
  }

  #openMore = () => this.#sheet.showModal();

  /** @param {Event} event */
  #closeMore = (event) => {
    const hit = /** @type {HTMLElement} */ (event.target);
    if (hit === this.#sheet || hit.closest("a, button")) this.#sheet.close();
  };

  #turnTheme = () => {
    const next = { system: "light", light: "dark", dark: "system" }[storedTheme()] ?? "system";
    try {
      localStorage.setItem("theme", next);
    } catch {
      // A browser that stores nothing keeps it while the page is open
    }
    setTheme(next);
    this.requestUpdate();
  };
}

/** @param {string} path */
const drawn = (path) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${svg`<path d=${path} />`}</svg>`;

/** Single letters may be switched off, in the list of keys. */
const areKeysOn = () => stored("keys") !== "off";
const storedTheme = () => stored("theme") ?? document.documentElement.dataset.theme ?? "system";

/** @param {string} name */
function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // a browser that stores nothing
  }
}

/** @param {string} theme */
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

/** @param {typeof PAGES} pages */
function grouped(pages) {
  /** @type {Map<string, typeof PAGES>} */
  const groups = new Map();
  for (const page of pages) groups.set(page.group, [...(groups.get(page.group) ?? []), page]);
  return groups;
}

/** The secret of a link that logs in, or null. @param {string} hash */
const linkOf = (hash) => new URLSearchParams(hash.slice(1)).get("link");

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Once the page can be used. @param {() => void} run */
const whenIdle = (run) => (globalThis.requestIdleCallback ?? setTimeout)(run);

const isLocal = () => ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

customElements.define("console-app", ConsoleApp);
