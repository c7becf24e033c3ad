// SPDX-License-Identifier: MIT
//
// All interoperability tests in one process, one after the other. Called by run.sh, which sets OCC_BUILD. All
// servers start before the first test; those of dpop.test.mjs come last, for some of its tests need old ones.

import { cleanUp } from './server.mjs';
import { runAll } from './tap.mjs';

process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(1));
}

// The order in which they run.
for (const file of ['exchange', 'agent', 'dpop']) {
  try {
    await import(`./${file}.test.mjs`);
  } catch (error) {
    console.log(`not ok 1 - ${file}: could not start\n#   ${String(error?.stack ?? error).replaceAll('\n', '\n#   ')}\n1..1`);
    process.exit(1);
  }
}
process.exit((await runAll(cleanUp)) === 0 ? 0 : 1);
