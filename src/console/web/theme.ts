/** Light or dark: as the system is, until somebody chooses; the choice is kept. */

import { Store } from './store.ts';

export type Theme = 'light' | 'dark';

const KEY = 'sotto-console-theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

export const theme: Store<Theme> = new Store(chosen() ?? system());

export function startTheme(): void {
  apply();
  prefersDark.addEventListener('change', () => {
    if (chosen() === null) set(system());
  });
}

export function toggleTheme(): void {
  const next = theme.value === 'dark' ? 'light' : 'dark';
  if (next === system()) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  set(next);
}

/** A colour of the style sheet as it is now, for what is drawn on a canvas. @param share the rest is the surface, opaque. */
export function colour(name: string, share = 1): string {
  const probe = document.createElement('i');
  probe.style.color = `color-mix(in srgb, var(--${name}) ${share * 100}%, var(--surface))`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function set(next: Theme): void {
  // First the document, since whoever listens asks it for colours.
  document.documentElement.dataset.theme = next;
  theme.set(next);
}

function apply(): void {
  document.documentElement.dataset.theme = theme.value;
}

function chosen(): Theme | null {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : null;
}

function system(): Theme {
  return prefersDark.matches ? 'dark' : 'light';
}
