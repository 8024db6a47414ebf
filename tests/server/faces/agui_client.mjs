// A page's end of AG-UI: the foreign client, told what to do by lines of JSON, and telling what came.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const [, , folder, url, token] = process.argv;
const { HttpAgent } = createRequire(`${folder}/`)("@ag-ui/client");
const agent = new HttpAgent({ url, threadId: "t1", headers: { Authorization: `Bearer ${token}` } });

for await (const line of createInterface({ input: process.stdin })) {
  const { say, ...parameters } = JSON.parse(line);
  if (say !== undefined) agent.addMessage(say);
  const events = [];
  const subscriber = { onEvent: ({ event }) => void events.push(event) };
  let error = null;
  try {
    await agent.runAgent(parameters, subscriber);
  } catch (problem) {
    error = String(problem);
  }
  const told = { events, error, messages: agent.messages, interrupts: agent.pendingInterrupts };
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
