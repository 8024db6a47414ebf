// The stock JavaScript client of Socket.IO, doing what a plan says: node stock_socketio.cjs PLAN.
//
// {url, token, transports, rounds, count}: in each round a new client sends count events, hears them
// come back in their order, then asks with bytes. {…, asks, retry_ms, gap_ms}: one client asks so
// often, each time until it is answered, over all reconnects. {…, refused}: it says what it was told.
"use strict";

const { io } = require("socket.io-client");

const plan = JSON.parse(process.argv[2]);

function client(more) {
  const options = { auth: { token: plan.token }, forceNew: true, ...more };
  if (plan.transports) options.transports = plan.transports;
  return io(`${plan.url}/custom`, options);
}

function connected(socket) {
  return new Promise((resolve, reject) => {
    socket.on("connect", resolve);
    socket.on("connect_error", reject);
  });
}

async function round() {
  const socket = client({ reconnection: false });
  const heard = [];
  const all = new Promise((resolve) => {
    socket.on("message-back", (number) => {
      heard.push(number);
      if (heard.length === plan.count) resolve();
    });
  });
  for (let number = 0; number < plan.count; number += 1) socket.emit("message", number);
  await connected(socket);
  await all;
  const bytes = await socket.emitWithAck("message-with-ack", Buffer.from([0, 255]), "€");
  const transport = socket.io.engine.transport.name;
  socket.disconnect();
  return { heard, bytes: [[...bytes]], transport };
}

async function asks() {
  let connects = 0;
  const socket = client({ reconnectionDelay: 20, reconnectionDelayMax: 100 });
  socket.on("connect", () => {
    connects += 1;
  });
  for (let number = 0; number < plan.asks; number += 1) {
    for (;;) {
      try {
        const answer = await socket.timeout(plan.retry_ms).emitWithAck("message-with-ack", number);
        if (answer !== number) throw new TypeError(`${answer} for ${number}`);
        break;
      } catch (error) {
        if (error instanceof TypeError) throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, plan.gap_ms));
  }
  socket.disconnect();
  return { connects };
}

async function refused() {
  const socket = client({});
  const error = await connected(socket).then(
    () => null,
    (reason) => reason.message,
  );
  const active = socket.active;
  socket.disconnect();
  return { error, active };
}

(async () => {
  let result = [];
  if (plan.refused) result = await refused();
  else if (plan.asks) result = await asks();
  else for (let number = 0; number < plan.rounds; number += 1) result.push(await round());
  console.log(JSON.stringify(result));
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
