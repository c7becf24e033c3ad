// SPDX-License-Identifier: MIT
//
// All interoperability tests (or those of the files named) in one process, one after the other. Called by run.sh. All
// servers start before the first test; dpop.test.mjs comes late, for it needs old ones, but young ones first of all.

import { cleanUp } from './server.mjs';
import { runAll } from './tap.mjs';

process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(1));
}

const all = ['exchange', 'agent', 'code', 'operate', 'clients', 'dpop', 'cimd', 'slow']; // in the order in which they run
const wanted = process.argv.slice(2);
for (const file of wanted.length > 0 ? wanted : all) {
  try {
    await import(`./${file}.test.mjs`);
  } catch (error) {
    const why = String(error?.stack ?? error).replaceAll('\n', '\n#   ');
    console.log(`not ok 1 - ${file}: could not start\n#   ${why}\n1..1`);
    process.exit(1);
  }
}
process.exit((await runAll(cleanUp)) === 0 ? 0 : 1);
