/** Metrics by prom-client, which is loaded when somebody first wants them. */

import type { Registry } from 'prom-client';
import type { MetricName, MetricsRegistry, Observer } from '../metrics.ts';

type Library = typeof import('prom-client');

/** Opens an empty registry. */
export async function openMetrics(): Promise<MetricsRegistry> {
  const library = await import('prom-client');
  const registry = new library.Registry();
  const registers = [registry];
  return {
    counters(metric, label, read) {
      new library.Counter({
        ...metric,
        registers,
        labelNames: [label],
        collect() {
          this.reset();
          for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
        },
      });
    },
    gauge(metric, read) {
      new library.Gauge({
        ...metric,
        registers,
        async collect() {
          try {
            this.set(await read());
          } catch {
            this.remove();
          }
        },
      });
    },
    histogram: (metric, buckets) =>
      new library.Histogram({ ...metric, registers, buckets: [...buckets] }) satisfies Observer,
    histograms: (metric, buckets, label) => histograms(library, registry, { metric, buckets, label }),
    async text() {
      const all = library.Registry.merge([registry, processMetrics(library)]);
      return { contentType: all.contentType, body: await all.metrics() };
    },
  };
}

function histograms<Value extends string>(
  library: Library,
  registry: Registry,
  {
    metric,
    buckets,
    label,
  }: {
    readonly metric: MetricName;
    readonly buckets: readonly number[];
    readonly label: { readonly name: string; readonly values: readonly Value[] };
  },
): Record<Value, Observer> {
  const registers = [registry];
  const labelNames = [label.name];
  const histogram = new library.Histogram({ ...metric, registers, labelNames, buckets: [...buckets] });
  const observers = label.values.map((value) => {
    histogram.zero({ [label.name]: value }); // there from the start, so that its rate is known from the first
    return [value, histogram.labels(value)];
  });
  return Object.fromEntries(observers) as Record<Value, Observer>;
}

let ofProcess: Registry | null = null;

/** Once a process, since they are the process's: the library never gives up what it observes them by. */
function processMetrics({ Registry, collectDefaultMetrics }: Library): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
