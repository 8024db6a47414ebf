/** What a watch of approvals makes of pages, news and reconnects: `node test/approvals.js`. */

import assert from "node:assert/strict";
import { Approvals } from "../src/approvals.js";
import { AgentGateError, NOT_FOUND } from "../src/errors.js";

const view = (id, status = "waiting") => ({ id, status });
const settled = () => new Promise((done) => setImmediate(done));

/** A watch of a gateway that answers as the test says. */
function watched() {
  const asked = [];
  const told = [];
  const approvals = new Approvals(
    (method, params) => new Promise((resolve, reject) => asked.push({ method, params, resolve, reject })),
  );
  const end = approvals.watch({
    listed: (views, more) => told.push({ listed: views.map(({ id }) => id), ...(more ? { more } : {}) }),
    changed: ({ id, status }) => told.push({ [id]: status }),
    failed: ({ message }) => told.push({ failed: message }),
  });
  const next = async (answer) => {
    const call = asked.shift();
    if (answer instanceof Error) call.reject(answer);
    else call.resolve(answer);
    await settled();
    return { method: call.method, params: call.params };
  };
  return { approvals, asked, end, next, take: () => told.splice(0) };
}

{
  const { approvals, next, take } = watched();
  assert.deepEqual(await next({ approvals: [view("a"), view("b")], more: true }), { method: "watch_approvals", params: {} });
  assert.deepEqual(take(), [], "not all of the list is there");
  approvals.take(view("a", "denied"));
  approvals.take(view("d"));
  assert.deepEqual(await next({ approvals: [view("c")] }), { method: "list_approvals", params: { after: "b" } });
  assert.deepEqual(take(), [{ listed: ["b", "c", "d"] }, { a: "denied" }, { d: "waiting" }], "news beat the list");
  approvals.take(view("b", "approved"));
  assert.deepEqual(take(), [{ b: "approved" }]);

  approvals.reconnected();
  approvals.take(view("c", "expired"));
  await next({ approvals: [view("c"), view("e")] });
  assert.deepEqual(take(), [{ listed: ["e"] }, { d: "settled" }, { c: "expired" }], "d was settled meanwhile");
}

{
  const { asked, next, take } = watched();
  await next({ approvals: [view("a")], more: true });
  await next(new AgentGateError(NOT_FOUND, "there is no a"));
  assert.deepEqual(await next({ approvals: [view("b")] }), { method: "list_approvals", params: {} });
  assert.deepEqual(take(), [{ listed: ["b"] }], "the page began at one that is gone: all of it again");
  assert.equal(asked.length, 0);
}

{
  const { approvals, next, take } = watched();
  approvals.reconnected();
  await next({ approvals: [view("old")] });
  assert.deepEqual(take(), [], "what was asked on the connection before counts no more");
  await next({ approvals: [view("new")] });
  assert.deepEqual(take(), [{ listed: ["new"] }]);
}

{
  const { approvals, end, next, take } = watched();
  await next(new AgentGateError(-32010, "not for you"));
  assert.deepEqual(take(), [{ failed: "not for you" }]);
  end();
  approvals.take(view("x"));
  assert.deepEqual(take(), []);
}
console.log("passed");
