/** Agents and tokens: who may connect, who is here, and which browsers and passkeys may come in. */

import { html, nothing } from "../vendor/lit.js";
import { head } from "../page.js";
import { ConsoleSessions } from "../operating/console-sessions.js";
import { PartedPage } from "../operating/parted.js";
import { Passkeys } from "../operating/passkeys.js";
import { Principals } from "../operating/principals.js";
import { ThisDevice } from "../operating/this-device.js";
import { styled } from "../elements/styled.js";

await styled(new URL("../operating/operating.css", import.meta.url).href);

export default class AgentsPage extends PartedPage {
  static title = "Agents and tokens";
  static isTimed = true;
  static page = "agents";
  static parts = [
    { name: "tokens", label: "Who may connect", isForOperators: true },
    { name: "sessions", label: "Console sessions" },
    { name: "passkeys", label: "Passkeys" },
    { name: "device", label: "This device" },
  ];

  constructor() {
    super();
    this.shown = {
      tokens: new Principals(this),
      sessions: new ConsoleSessions(this),
      passkeys: new Passkeys(this),
      device: new ThisDevice(this),
    };
  }

  render() {
    return html`
      ${head("Agents and tokens")} ${this.renderParts()}
      ${this.isOperator ? nothing : html`<p class="muted">Who may connect is for operators to see.</p>`}
    `;
  }
}
