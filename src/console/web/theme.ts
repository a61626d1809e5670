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

/** A colour of the style sheet as it is now, for what is drawn on a canvas. @param opacity 0 to 1. */
export function colour(name: string, opacity = 1): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const [red = 0, green = 0, blue = 0] = getComputedStyle(probe).color.match(/\d+/g) ?? [];
  probe.remove();
  return `rgb(${red} ${green} ${blue} / ${opacity})`;
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
