/** What a page makes of texts: `node odd.js FILE < texts.json`. */

const { pieces } = await import(process.argv[2]);
let json = "";
for await (const chunk of process.stdin) json += chunk;
const told = JSON.parse(json).map((text) => pieces(text).map((piece) => piece.text).join(""));
console.log(JSON.stringify(told));
