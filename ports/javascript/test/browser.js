/** Where the platform can't ping, a small call asks for a sign of life: `node test/browser.js`. */

import assert from "node:assert/strict";
import { Core } from "../src/core.js";

const core = new Core({ token: "secret", clientId: "page", canPing: false });
const sent = () => core.outputs().filter((output) => output.send).map((output) => output.send);
const dials = () => core.outputs().filter((output) => output.dial).length;
const say = (message, now) => core.receive(JSON.stringify({ jsonrpc: "2.0", ...message }), now);

core.open(0);
core.connected(0);
say({ result: { status: "authenticated", highest_id: 0, epoch: "e1" }, id: "auth-1" }, 0);
assert.ok(!core.outputs().some((output) => output.ping), "it must not ask for pings");

core.timer(20);
const [probe] = sent();
assert.equal(probe.method, "list_requests");
assert.deepEqual(probe.params, { open_only: true, limit: 1 });
say({ result: { requests: [] }, id: probe.id }, 21);
core.timer(40);
assert.deepEqual(sent(), [], "it was alive");

core.timer(core.nextDeadline());
assert.equal(sent().length, 1, "silence again");
core.timer(core.nextDeadline());
assert.ok(core.outputs().some((output) => output.drop), "no answer: the connection is dead");
core.timer(core.nextDeadline());
assert.equal(dials(), 1, "it comes back");
console.log("passed");
