// SPDX-License-Identifier: MIT
//
// A small test runner: test() collects, runAll() runs one after the other and prints TAP. Every test has a time limit,
// and all of them together have one, after which what has not run counts as failed.

const ONE_TEST_MS = 60_000;
const ALL_TESTS_MS = 240_000;

const tests = [];

// test NAME, FUNCTION: it fails by throwing.
export function test(name, run) {
  tests.push({ name, run });
}

function limited(run) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ONE_TEST_MS / 1000} s`)), ONE_TEST_MS);
  });
  return Promise.race([run(), late]).finally(() => clearTimeout(timer));
}

function report(number, name, error) {
  console.log(`${error === null ? 'ok' : 'not ok'} ${number} - ${name}`);
  if (error !== null) {
    console.log(String(error?.stack ?? error).split('\n').slice(0, 14).map((line) => `#   ${line}`).join('\n'));
  }
}

// Returns how many failed. onLate() is called before the process ends because of the time limit.
export async function runAll(onLate) {
  let done = 0;
  let failed = 0;
  const watch = setTimeout(() => {
    for (; done < tests.length; done++) {
      report(done + 1, tests[done].name, `all tests together took longer than ${ALL_TESTS_MS / 1000} s`);
    }
    onLate();
    process.exit(1);
  }, ALL_TESTS_MS);

  console.log(`1..${tests.length}`);
  for (const { name, run } of tests) {
    let error = null;
    try {
      await limited(run);
    } catch (thrown) {
      error = thrown ?? 'failed';
      failed++;
    }
    done++;
    report(done, name, error);
  }
  clearTimeout(watch);
  return failed;
}
