// The TypeScript SDK's client against a gate: lists, calls, hears progress, cancels.
// node ts_client.mjs URL TOKEN legacy|auto HOME; the package is in HOME/node_modules.
// It prints a line of JSON for each thing that it has done.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [url, token, mode, home] = process.argv.slice(2);
const found = createRequire(`${home}/`).resolve('@modelcontextprotocol/client');
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(found).href);

const say = (what) => console.log(JSON.stringify(what));
const told = (result) => ({
  error: result.isError ?? false,
  text: result.content.map((each) => each.text).join('\n'),
  structured: result.structuredContent ?? null,
});
const call = (name, args, options) => client.callTool({ name, arguments: args }, options);

const client = new Client({ name: 'ts', version: '1' }, { versionNegotiation: { mode } });
const requestInit = { headers: { Authorization: `Bearer ${token}` } };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
const { tools } = await client.listTools();
say({ version: client.getNegotiatedProtocolVersion(), tools: tools.map((each) => each.name) });
say({ allowed: told(await call('get_state', { entity_id: 'sensor.temp' })) });
say({ denied: told(await call('forbidden', { key: 'a' })) });

let heard = 0;
const asked = await call('asked_write', { key: `held ${mode}` }, { onprogress: () => (heard += 1) });
say({ asked: told(asked), heard });

const giveUp = new AbortController();
const given = call('asked_write', { key: `given up ${mode}` }, {
  signal: giveUp.signal,
  onprogress: () => giveUp.abort(),
});
say({ cancelled: await given.then(() => false, () => true) });
say({ after: told(await call('get_state', { entity_id: 'x' })) });
await client.close();
