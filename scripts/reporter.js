// Where nobody watches: a line for each file, failures in full, and the counts.

import { relative } from 'node:path';

// biome-ignore lint/style/noDefaultExport: node:test takes its reporters so.
export default async function* reporter(source) {
  for await (const { type, data } of source) {
    const file = data?.file ? relative(process.cwd(), data.file) : '';
    if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') {
      yield `FAIL ${file}: ${data.name}\n${String(data.details?.error?.cause?.stack ?? data.details?.error)}\n`;
    }
    if (type === 'test:pass' && data.skip !== undefined) yield `skipped ${file}: ${data.name}\n`;
    if (type === 'test:summary' && data.file) {
      yield `${data.success ? 'ok  ' : 'FAIL'} ${file} (${data.counts.passed} of ${data.counts.tests}, ${Math.round(data.duration_ms)} ms)\n`;
    }
    if (type === 'test:summary' && !data.file)
      yield `pass ${data.counts.passed} fail ${data.counts.failed + data.counts.cancelled}\n`;
  }
}
