// Names every skipped test at the end. In CI a skip is a failure: there, everything that a test needs is to be installed.
module.exports = class SkipReporter {
  onRunComplete(_, results) {
    // With `-t PATTERN` everything else counts as skipped, and nobody wants to hear of it.
    if (process.argv.some((word) => word === '-t' || word.startsWith('--testNamePattern'))) return;
    const skipped = results.testResults
      .flatMap(({ testResults }) => testResults)
      .filter(({ status }) => status === 'pending' || status === 'todo')
      .map(({ fullName }) => fullName);
    if (skipped.length === 0) return;
    process.stderr.write(`\nSkipped:\n${skipped.map((name) => `  ${name}\n`).join('')}`);
    if (process.env.CI === 'true') this.error = new Error(`${skipped.length} tests were skipped, and this is CI`);
  }

  getLastError() {
    return this.error;
  }
};
