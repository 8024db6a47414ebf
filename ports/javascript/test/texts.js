/** Texts that break off within a character, and gateways elsewhere in clear text: `node texts.js`. */

import assert from "node:assert/strict";
import { AgentGateClient } from "../src/index.js";
import { mended, plain } from "../src/messages.js";

for (const text of ["ok 😀", "\\ud83d", '\n"\u2028', ""]) {
  assert.deepEqual(plain({ [text]: [text, undefined] }), { [text]: [text, null] });
  assert.deepEqual(mended({ text }), { text });
}
const cut = "buy milk 😀".slice(0, 10);
for (const value of [cut, { [cut]: 1 }, [["😀".slice(1)]], `\\\\${cut}`]) {
  assert.throws(() => plain(value), { code: -32602, message: /^a text ends, or begins, within a character/ });
}
assert.deepEqual(mended([cut, `\\${cut}`, "😀".slice(1)]), ["buy milk \ufffd", "\\buy milk \ufffd", "\ufffd"]);

for (const url of ["wss://hub", "ws://127.0.0.1:1", "ws://127.9.9.9", "ws://[::1]:1", "ws://localhost", "ws://LOCALHOST:1"]) {
  new AgentGateClient(url, { token: "t" });
}
for (const url of ["ws://hub", "ws://127.example", "ws://localhost.example", "ws://localhost.", "ws://[::2]", "ws://0.0.0.0"]) {
  assert.throws(() => new AgentGateClient(url, { token: "t" }), /write wss:\/\/, or say that it is meant/);
  new AgentGateClient(url, { token: "t", insecure: true });
}
console.log("texts and URLs are as they should be");
