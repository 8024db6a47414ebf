/** Policy: what it says to a call, what is in force, and what another one would have said. */

import { html, nothing } from "../vendor/lit.js";
import { head } from "../page.js";
import { Explaining } from "../operating/explaining.js";
import { PartedPage } from "../operating/parted.js";
import { PolicyInForce } from "../operating/policy-in-force.js";
import { Replaying } from "../operating/replaying.js";
import { styled } from "../elements/styled.js";

await styled(new URL("../operating/operating.css", import.meta.url).href);

export default class PolicyPage extends PartedPage {
  static title = "Policy";
  static page = "policy";
  static parts = [
    { name: "explain", label: "Explain a call" },
    { name: "text", label: "In force", isForOperators: true },
    { name: "replay", label: "Try another one", isForOperators: true },
  ];

  constructor() {
    super();
    const inForce = new PolicyInForce(this);
    this.shown = { explain: new Explaining(this), text: inForce, replay: new Replaying(this, inForce) };
  }

  render() {
    return html`
      ${head("Policy")} ${this.renderParts()}
      ${this.isOperator
        ? nothing
        : html`<p class="muted">An operator also sees the policy's text here, and can try another one.</p>`}
    `;
  }
}
