/** The Inbox: what waits for a person, oldest first. */

import { empty, head, Page } from "../page.js";
import { html } from "../vendor/lit.js";

export default class Inbox extends Page {
  static title = "Inbox";

  render() {
    return html`${head("Inbox")} ${empty("Nothing waits", "When an agent asks for something that a person must allow, it appears here.")}`;
  }
}
