/**
 * Directs a watch and its feeds: one JSON step per line on standard input, and for each one line on
 * standard output with what came of it: `node test/watch.js`. Steps are objects with one member.
 */

import { createInterface } from "node:readline";
import { SessionFeed } from "../src/feed.js";
import { SessionWatch } from "../src/watch.js";

let watch = null;
let feeds = new Map();

const steps = {
  begin: (session) => {
    watch = new SessionWatch(session);
    feeds = new Map();
  },
  add: ({ name, cursor, run }) => {
    feeds.set(name, new SessionFeed(cursor, run));
    watch.add(feeds.get(name));
  },
  attached: (reply) => watch.attached(reply),
  take: (events) => watch.take(events),
  reconnected: () => watch.reconnected(),
  refused: (code) => watch.refused({ code }),
  read: (name) => {
    const events = [];
    for (let event; (event = feeds.get(name).nextEvent()); ) events.push(event);
    return events;
  },
  drop: (name) => feeds.get(name).close(),
  end: () => watch.closed(null),
};

/** What can be seen of a feed. */
const shown = ([name, { cursor, wanted, ended, error }]) => [name, { cursor, wanted, ended, error: error?.code ?? 0 }];

for await (const line of createInterface({ input: process.stdin })) {
  const [[kind, value]] = Object.entries(JSON.parse(line));
  const read = steps[kind](value) ?? null;
  const call = watch.nextCall();
  console.log(JSON.stringify({ read, call, over: watch.isOver, feeds: Object.fromEntries([...feeds].map(shown)) }));
}
