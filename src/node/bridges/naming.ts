/** How names go over a bridge: what the star of one pattern stood for is put in place of the star of the other. */

/** What a pattern such as `/alarms/*` leaves of a name; null where it does not fit. */
export function starOf(pattern: string, name: string): string | null {
  if (!pattern.endsWith('*')) return pattern === name ? '' : null;
  const prefix = pattern.slice(0, -1);
  return name.startsWith(prefix) ? name.slice(prefix.length) : null;
}

/** As of a glob of topics, which the broadcaster has matched already: of one that is no mere beginning, the whole name. */
export function starOfTopic(glob: string, topic: string): string {
  const isBeginning = /^[^*?[]*\*$/.test(glob);
  return (isBeginning ? starOf(glob, topic) : null) ?? topic;
}

export function named(pattern: string, star: string): string {
  return pattern.replace('*', () => star);
}
