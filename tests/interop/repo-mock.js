// Drives `kiln-agent tuf-client` against good and attacked repositories, and
// tuf-js beside it against the same ones: where the two differ, the case says
// why.  A name starts with the ids of docs/tuf-checklist.md that it tests.
//   node repo-mock.js OUT/kiln-agent [word]
'use strict';
const { spawnSync } = require('node:child_process');
const { cases, server, started } = require('./case');

require('./cases-metadata');
require('./cases-delegations');
require('./cases-targets');
require('./cases-attacks');

const only = process.argv[3] ?? '';
const haveFaketime = spawnSync('faketime', ['--version']).status === 0;
let passed = 0,
  failed = 0,
  skipped = 0;

async function main() {
  await server.start();
  for (const { name, fn, opts } of cases.filter((t) => t.name.includes(only))) {
    if (opts?.faketime && !haveFaketime) {
      skipped++;
      console.log(`SKIP ${name}: faketime is not installed`);
      continue;
    }
    let c;
    try {
      if (opts?.own) c = await fn();
      else {
        c = await started();
        await fn(c);
      }
      passed++;
      console.log(`ok ${name}`);
    } catch (e) {
      failed++;
      console.log(`not ok ${name}\n    ${String(e.stack ?? e).split('\n').slice(0, 14).join('\n    ')}`);
    }
    c?.cleanup();
  }
  server.stop();
  console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed || !passed ? 1 : 0;
}
main();
