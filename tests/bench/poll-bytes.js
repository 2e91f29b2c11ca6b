// What a client fetches: bytes from the server, headers and all, counted by a
// relay before it.
//   node poll-bytes.js NAME PAIRS URL JS-DIR BEFORE TARGET -- OUR-CLIENT ARG...
// URL is that of metadata/ and targets/; BEFORE is a command that makes both
// folders as they were, or ""; TARGET is what to download, or "": then the
// clients refresh only.  Prints a line of out/bench.tsv; @URL@ in an ARG is the
// relay's.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');

const [name, pairs, url, dir, before, target, , ...ours] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(url);
let got = 0;

const relay = net.createServer((client) => {
  const server = net.connect(Number(port), hostname);
  server.on('data', (d) => (got += d.length));
  client.pipe(server);
  server.pipe(client);
  for (const s of [client, server])
    s.on('error', () => {
      client.destroy();
      server.destroy();
    });
});

function run(argv) {
  if (before) execFileSync('sh', ['-ec', before]);
  got = 0;
  return new Promise((done, fail) => {
    spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] })
      .on('error', fail)
      .on('close', (code) => (code === 0 ? done(got) : fail(new Error(`${argv[0]}: exit ${code}`))));
  });
}

const median = (l) => [...l].sort((a, b) => a - b)[Math.floor(l.length / 2)];
const spread = (l) => Math.round((100 * (Math.max(...l) - Math.min(...l))) / median(l));

async function main() {
  await new Promise((done) => relay.listen(0, '127.0.0.1', done));
  const at = `http://127.0.0.1:${relay.address().port}${pathname}`;
  const us = [],
    js = [];
  for (let i = 0; i < Number(pairs); i++) {
    us.push(await run(ours.map((a) => a.replace('@URL@', at))));
    js.push(await run([process.execPath, path.join(__dirname, 'tuf-js.js'), dir, `${at}/metadata`,
      ...(target ? [target, `${at}/targets`, path.join(dir, '.target')] : [])]));
  }
  if (!median(us) || !median(js)) throw new Error('nothing went through the relay');
  const ratio = (median(us) / median(js)).toFixed(3);
  console.log([`${name}.fetched`, median(us).toFixed(1), median(js).toFixed(1), ratio, 'B',
    pairs, `${spread(us)}%/${spread(js)}%`,
    target ? 'node tuf-js refresh and one new target' : 'node tuf-js refresh with nothing new'].join('\t'));
  relay.close();
}

main().catch((e) => {
  console.error(String(e));
  process.exitCode = 1;
  relay.close();
});
