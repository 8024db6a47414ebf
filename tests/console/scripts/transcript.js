/** The transcript of a session, event by event: `node transcript.js`; told by test_transcript.py. */

import assert from "node:assert/strict";
import test from "node:test";

import { BLOCK_CHARS, BLOCK_CHARS_MAX, Blocks } from "../../../src/agentgate_console/static/live/blocks.js";
import { ITEMS_MAX, Transcript } from "../../../src/agentgate_console/static/live/transcript.js";

/** A transcript that has taken these events: [kind, data, count]. */
function after(...events) {
  const transcript = new Transcript();
  let offset = 0;
  for (const [kind, data = {}, count = 1] of events) {
    transcript.take({ kind, data: { run: "r", ...data }, offset, count, at: "2026-12-01T10:00:00Z" });
    offset += count;
  }
  return transcript;
}

const kinds = ({ items }) => items.map(({ kind }) => kind);
const words = (blocks) => [...blocks.whole, blocks.last].join("|");
const BEGUN = [["message", { text: "hi", message_id: "m" }], ["run_started"], ["model_started", { model_id: "big" }]];

test("an answer grows by deltas, and the reply is its end", () => {
  const transcript = after(...BEGUN, ["thinking", { text: "hm" }], ["text", { text: "Ye" }], ["text", { text: "s" }, 2]);
  const [, answer] = transcript.items;
  assert.equal(words(answer.text), "Yes");
  assert.equal(words(answer.thinking), "hm");
  assert.equal(answer.isOver, false);
  assert.equal(transcript.line, "Yes");
  const version = answer.version;
  transcript.take({ kind: "reply", data: { run: "r", text: "Yes", stop: "end" }, offset: 9, count: 1, at: "" });
  assert.equal(answer.isOver, true);
  assert.ok(answer.version > version);
});

test("a reply after a gap is the whole of what was said before it and behind it, once", () => {
  const said = [["text", { text: "one" }], ["gap", {}, 7], ["text", { text: "three" }]];
  const transcript = after(...BEGUN, ...said, ["reply", { text: "one two three", stop: "cut" }]);
  assert.deepEqual(kinds(transcript), ["message", "answer", "gap"]);
  assert.equal(words(transcript.items[1].text), "one two three");
});

test("a reply without its deltas, as after a gap, is shown whole", () => {
  const transcript = after(["reply", { text: "Yes" }]);
  assert.deepEqual(kinds(transcript), ["answer"]);
  assert.equal(words(transcript.items[0].text), "Yes");
});

test("what the model had said before a reset is gone, and the next attempt follows", () => {
  const reset = ["reset", { first: 2, reason: "it broke off" }];
  const transcript = after(...BEGUN, ["text", { text: "wrong" }], reset, ["model_started"], ["text", { text: "right" }]);
  assert.deepEqual(kinds(transcript), ["message", "note", "answer"]);
  assert.equal(words(transcript.items[2].text), "right");
});

test("a call has its approval, and its outcome takes the approval's place", () => {
  const call = { call: "c", tool: "turn_on", args: { on: true } };
  const transcript = after(...BEGUN, ["tool_call", call], ["approval", { ...call, approval: "a", signature: "turn_on()" }]);
  const tool = transcript.toolOf("a");
  assert.deepEqual([tool.state, tool.signature, tool.args], ["waiting", "turn_on()", { on: true }]);
  const result = { ...call, status: "executed", result: null, word: "mind the cat" };
  transcript.take({ kind: "tool_result", data: { run: "r", ...result }, offset: 9, count: 1, at: "" });
  assert.deepEqual([tool.state, tool.hasResult, tool.word], ["executed", true, "mind the cat"]);
  assert.deepEqual(kinds(transcript), ["message", "tool"], "an answer that says nothing is none");
});

test("a call that may still run says so, and tells later what came of it", () => {
  const transcript = after(["tool_call", { call: "c" }], ["tool_result", { call: "c", status: "unknown", still_running: true }]);
  assert.equal(transcript.items[0].state, "still running");
  const late = { run: "", call: "c", status: "executed", result: 1, late: true };
  transcript.take({ kind: "tool_result", data: late, offset: 9, count: 1, at: "" });
  assert.deepEqual([transcript.items[0].state, transcript.items[0].late], ["executed", true]);
  assert.equal(transcript.items.length, 1);
});

test("the result of a call that is not read any more is a call of its own", () => {
  assert.deepEqual(kinds(after(["tool_result", { call: "c", tool: "get", status: "failed", error: "no" }])), ["tool"]);
});

test("a message that waits stands where its run begins", () => {
  const second = { run: "s", text: "and then?" };
  const transcript = after(...BEGUN, ["message", second], ["text", { text: "one" }]);
  assert.equal(transcript.items.find(({ text }) => text === "and then?").waits, true);
  assert.deepEqual([...transcript.waiting], ["s"]);
  for (const [kind, data] of [["run_ended", { run: "r", status: "completed" }], ["run_started", { run: "s" }]]) {
    transcript.take({ kind, data, offset: 9, count: 1, at: "" });
  }
  assert.deepEqual(kinds(transcript), ["message", "answer", "end", "message"]);
  assert.equal(transcript.items.at(-1).waits, false);
  assert.equal(transcript.run, "s");
});

test("a run that is over says how, by whom, and what it cost", () => {
  const ended = { status: "cancelled", by: "ops", cost_micros: 12, usage: { input: 3 } };
  const transcript = after(...BEGUN, ["text", { text: "Ye" }], ["run_ended", ended]);
  const { status, by, cost } = transcript.items.at(-1);
  assert.deepEqual([status, by, cost, transcript.run], ["cancelled", "ops", 12, ""]);
  assert.equal(transcript.items[1].isOver, true);
  const unpriced = after(["usage", { usage: { input: 7 }, cost_micros: null }], ["usage", { usage: { input: 9 }, cost_micros: 5 }]);
  assert.deepEqual([unpriced.usage.input, unpriced.costMicros, unpriced.unpriced], [9, 5, 1]);
});

test("the run under way is known though its beginning was not read", () => {
  assert.equal(after(["text", { text: "…and so on" }]).run, "r");
});

test("a gap is shown, and kinds that are not known are not", () => {
  assert.deepEqual(kinds(after(["gap", { reason: "epoch" }, 0], ["behind"], ["of another time"])), ["gap"]);
});

test("events of another make than they should be break nothing", () => {
  const kinds = ["message", "text", "reply", "reset", "retrying", "tool_call", "approval", "tool_result", "usage", "note"];
  for (const odd of [{}, { text: 7, call: null, usage: 3, cost_micros: "much" }]) {
    after(...[...kinds, "history", "run_started", "model_started", "run_ended", "gap"].map((kind) => [kind, odd]));
  }
});

test("old items go, and are counted", () => {
  const transcript = after(...Array.from({ length: ITEMS_MAX + 3 }, () => ["note", { text: "n" }]));
  assert.deepEqual([transcript.items.length, transcript.dropped], [ITEMS_MAX, 3]);
});

test("each item has a key of its own", () => {
  const transcript = after(...BEGUN, ["text", { text: "a" }], ["note", { text: "b" }], ["gap"]);
  assert.equal(new Set(transcript.items.map(({ key }) => key)).size, transcript.items.length);
});

test("a long text is cut at the ends of lines, and at none of its letters", () => {
  const lines = new Blocks();
  const text = `${"x".repeat(99)}\n`.repeat(100);
  for (let at = 0; at < text.length; at += 7) lines.add(text.slice(at, at + 7));
  assert.equal([...lines.whole, lines.last].join("\n"), text);
  assert.ok(lines.whole.every((block) => block.length <= BLOCK_CHARS + 100));
  const one = new Blocks("😀".repeat(BLOCK_CHARS_MAX));
  assert.equal([...one.whole, one.last].join(""), "😀".repeat(BLOCK_CHARS_MAX));
  assert.ok(one.whole.every((block) => block.length <= BLOCK_CHARS_MAX && block.isWellFormed()));
});
