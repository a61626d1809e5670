/** Where one is in the page: `#/feed?job=request`. */

import { Store } from './store.ts';

export interface Place {
  /** Of a panel; empty for the overview. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export const place: Store<Place> = new Store(placeOf(location.hash));

export function startPlace(): void {
  addEventListener('hashchange', () => place.set(placeOf(location.hash)));
}

export function linkTo(path: string, query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''));
  return search.size === 0 ? `#/${path}` : `#/${path}?${search}`;
}

/** Another view of the panel that is open; the way back leads past it. */
export function changeView(query: Readonly<Record<string, string>>): void {
  const link = linkTo(place.value.path, query);
  history.replaceState(null, '', link);
  // No event tells of it.
  place.set(placeOf(link));
}

function placeOf(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  return { path, query: new URLSearchParams(search) };
}
