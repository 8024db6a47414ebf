// A console on the stock JavaScript client of Socket.IO: node console.cjs PLAN, with NODE_PATH.
//
// It does what a program for people does, and no more: when it is connected it chooses its gateway and
// logs in to its agents, it clears what it shows of an agent at loginSuccess, and it says a message
// again, under the same correlationId, until that is acknowledged. See console.py for PLAN and for what
// comes and goes on stdin and stdout.
"use strict";

const { io } = require("socket.io-client");
const { createInterface } = require("node:readline");

const plan = JSON.parse(process.argv[2]);
const options = {
  auth: { token: plan.token },
  reconnectionDelay: 20,
  reconnectionDelayMax: 200,
};
if (plan.transports) options.transports = plan.transports;
const socket = io(plan.url + (plan.client ? "/clients" : "/agents"), options);

const views = {};
const events = [];
let connects = 0;

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function hear(event, payload) {
  const agent = payload.agentId;
  if (event === "loginSuccess") views[agent] = [];
  if (event === "chatMessage") {
    const said = payload.from === "user" ? payload.text : payload.response.result;
    views[agent].push([payload.from === "user" ? "user" : payload.response.type, said]);
  } else events.push([event, payload]);
}

function pack(event, agent, payload) {
  if (!plan.client) return [event, { ...payload, agentId: agent }];
  return ["forward", { event, payload, agentId: agent }];
}

socket.on("connect", () => {
  connects += 1;
  if (plan.client) socket.emit("setClient", { clientId: plan.client });
  for (const [agent, password] of Object.entries(plan.agents))
    socket.emit(...pack("login", agent, password === null ? {} : { password }));
});
socket.onAny((event, payload) => {
  if (event === "forwardedEvent") hear(payload.event, payload.payload);
  else hear(event, payload);
});

async function say({ agent, text, name }) {
  for (;;) {
    try {
      const packed = pack("chat", agent, { message: text, correlationId: name });
      const answer = await socket.timeout(plan.retry_ms).emitWithAck(...packed);
      if (answer.received) return tell({ acknowledged: name });
      tell({ refused: name, why: answer.error.message });
      await new Promise((resolve) => setTimeout(resolve, plan.pause_ms));
    } catch {
      // no acknowledgement: say it again
    }
  }
}

let last = Promise.resolve();
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  if (command.say) last = last.then(() => say(command.say));
  else if (command.emit) socket.emit(...command.emit);
  else tell({ views, events, connects, transport: socket.io.engine?.transport?.name ?? "" });
});
lines.on("close", () => process.exit(0));
