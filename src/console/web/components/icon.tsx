/** Small drawings in the colour of the text around them; what they mean is always said in words too. */

import type { JSX } from 'preact';

const PATHS = {
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  feed: 'M4 6h16M4 12h10M4 18h13',
  try: 'M5 12h13M13 6l6 6-6 6',
  topics:
    'M12 12h.01M8.5 15.500a5 5 0 0 1 0-7M15.5 8.500a5 5 0 0 1 0 7M5.6 18.400a9 9 0 0 1 0-12.800M18.4 5.600a9 9 0 0 1 0 12.8',
  peers:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.500a3.5 3.5 0 0 1 0 6.500M18 14.500a6.5 6.5 0 0 1 3.5 5.5',
  chat: 'M4 5h16v11H10l-5 4v-4H4z',
  lookup: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13M15.5 15.5 20 20',
  sessions: 'M9 8H5v8h4M15 8h4v8h-4M8 12h8',
  bridges: 'M3 17V7M21 17V7M3 9c4 6 14 6 18 0M3 14h18M9 14v-1.500M15 14v-1.5',
  keys: 'M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 12h9v3M17 12v2.5',
  limits: 'M4 17a8 8 0 1 1 16 0M12 17l3.5-5',
  settings: 'M4 7h8M18 7h2M4 17h2M12 17h8M15 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6M9 20a3 3 0 1 0 0-6 3 3 0 0 0 0 6',
  sealed: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.500v2',
  group: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M9.5 15.500h5',
  plain: 'M6 11h12v9H6zM8.5 11V7a3.5 3.5 0 0 1 6.8-1.2',
  check: 'M5 12.5 10 17.5 19.5 7',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  close: 'M6 6l12 12M18 6 6 18',
  chevron: 'M9 6l6 6-6 6',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5.500v13l10-6.500z',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4',
  moon: 'M20 14.500A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.500z',
  warning: 'M12 4 2.8 20h18.400zM12 10v4.500M12 17.300v.2',
  block: 'M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17M6 6l12 12',
  send: 'M4 12 20 4l-6 16-3-7z',
  plus: 'M12 5v14M5 12h14',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A voice that gets quieter. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <circle cx="8" cy="16" r="3.2" />
      <path d="M14.5 10.5a8 8 0 0 1 0 11" />
      <path d="M19.5 7a13 13 0 0 1 0 18" opacity=".6" />
      <path d="M24.5 3.5a18.5 18.5 0 0 1 0 25" opacity=".3" />
    </svg>
  );
}
