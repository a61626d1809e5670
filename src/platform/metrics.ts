/** What a platform must offer for metrics: a registry that is read by Prometheus. See `node/metrics.ts`. */

/** The metrics of one thing, apart from all others. Names and labels are ours, never from the network. */
export interface MetricsRegistry {
  /** Counters of one name, read when somebody asks: label value → how often. */
  counters(metric: MetricName, label: string, read: () => Readonly<Record<string, number>>): void;
  /** A value that is read when somebody asks; left out of that answer where it cannot be told. */
  gauge(metric: MetricName, read: () => number | Promise<number>): void;
  histogram(metric: MetricName, buckets: readonly number[]): Observer;
  /** One histogram for each value of a label. */
  histograms<Value extends string>(
    metric: MetricName,
    buckets: readonly number[],
    label: { readonly name: string; readonly values: readonly Value[] },
  ): Readonly<Record<Value, Observer>>;
  /** All of them, and those of the process, as Prometheus reads them. */
  text(): Promise<MetricsText>;
}

export interface MetricName {
  readonly name: string;
  readonly help: string;
}

export interface Observer {
  observe(value: number): void;
}

export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}
