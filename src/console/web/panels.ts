/** Every panel, in the order of the menu. */

import type { JSX } from 'preact';
import type { PartName } from '../contract.ts';
import type { IconName } from './components/icon.tsx';
import { Bridges } from './panels/bridges.tsx';
import { Chat } from './panels/chat.tsx';
import { Feed } from './panels/feed.tsx';
import { Keys } from './panels/keys.tsx';
import { Limits } from './panels/limits.tsx';
import { Lookup } from './panels/lookup.tsx';
import { Overview } from './panels/overview.tsx';
import { Peers } from './panels/peers.tsx';
import { Sessions } from './panels/sessions.tsx';
import { Settings } from './panels/settings.tsx';
import { Topics } from './panels/topics.tsx';
import { TryIt } from './panels/try-it.tsx';

export interface Panel {
  readonly path: string;
  readonly icon: IconName;
  readonly title: string;
  /** Whether a new part of the menu begins with it. */
  readonly begins?: string;
  /** What of the node it is about, where it says nothing itself while that is down. */
  readonly part?: PartName;
  readonly Content: () => JSX.Element;
}

const OVERVIEW: Panel = { path: '', icon: 'overview', title: 'Overview', begins: 'Node', Content: Overview };

export const PANELS: readonly Panel[] = [
  OVERVIEW,
  { path: 'feed', icon: 'feed', title: 'Feed', Content: Feed },
  { path: 'try', icon: 'try', title: 'Try it', Content: TryIt },
  { path: 'topics', icon: 'topics', title: 'Topics', begins: 'Jobs', part: 'broadcaster', Content: Topics },
  { path: 'peers', icon: 'peers', title: 'Peers', part: 'peers', Content: Peers },
  { path: 'chat', icon: 'chat', title: 'Chat', part: 'peers', Content: Chat },
  { path: 'lookup', icon: 'lookup', title: 'Lookup', part: 'lookup', Content: Lookup },
  { path: 'sessions', icon: 'sessions', title: 'Sessions', part: 'sessions', Content: Sessions },
  { path: 'bridges', icon: 'bridges', title: 'Bridges', Content: Bridges },
  { path: 'keys', icon: 'keys', title: 'Keys', begins: 'Care', Content: Keys },
  { path: 'limits', icon: 'limits', title: 'Limits', Content: Limits },
  { path: 'settings', icon: 'settings', title: 'Settings', Content: Settings },
];

export function panelAt(path: string): Panel {
  return PANELS.find((panel) => panel.path === path) ?? OVERVIEW;
}
