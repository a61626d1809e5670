/** What every panel works with. */

import type { Hono } from 'hono';
import type { ConsoleNode, ConsoleOptions } from '../options.ts';
import type { Hub } from './hub.ts';
import type { PeerNews } from './peer-news.ts';
import type { TopicWatch } from './topic-watch.ts';

export interface Desk {
  readonly node: ConsoleNode;
  readonly options: ConsoleOptions;
  readonly hub: Hub;
  readonly watch: TopicWatch;
  readonly news: PeerNews;
}

/** Adds its routes. */
export type Panel = (app: Hono, desk: Desk) => void;
