/** The frame around every panel: the menu, how the node is reached, and what was just done. */

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon, Mark } from './components/icon.tsx';
import { Notices } from './components/notices.tsx';
import { PartNotice } from './components/part-notice.tsx';
import { type Connection, connection } from './events.ts';
import { lockedOut } from './http.ts';
import { linkTo, place } from './location.ts';
import { LockedOut } from './locked-out.tsx';
import { PANELS, panelAt } from './panels.ts';
import { useStore } from './store.ts';
import { theme, toggleTheme } from './theme.ts';

export function App(): JSX.Element {
  const { path } = useStore(place);
  const panel = panelAt(path);
  useShortcuts();
  useTitle(panel.title);
  if (useStore(lockedOut)) return <LockedOut />;
  return (
    <div class="frame">
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        Skip to the content
      </button>
      <header class="bar">
        <a class="brand" href={linkTo('')}>
          <Mark />
          <span>sotto</span>
        </a>
        <div class="bar-end">
          <ConnectionMark />
          <ThemeButton />
        </div>
      </header>
      <Menu current={panel.path} />
      <main id="content" tabIndex={-1}>
        <h1>{panel.title}</h1>
        {panel.part && <PartNotice key={panel.part} name={panel.part} />}
        <panel.Content key={panel.path} />
      </main>
      <Notices />
    </div>
  );
}

function Menu({ current }: { readonly current: string }): JSX.Element {
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  return (
    <nav class="menu" aria-label="Panels" ref={list}>
      <ul>
        {PANELS.map(({ path, icon, title, begins }) => (
          <li key={path}>
            {begins && (
              <span class="menu-part" aria-hidden="true">
                {begins}
              </span>
            )}
            <a href={linkTo(path)} aria-current={path === current ? 'page' : undefined}>
              <Icon name={icon} />
              <span>{title}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

const CONNECTIONS: Readonly<Record<Connection, string>> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'the node does not answer; trying again',
};

function ConnectionMark(): JSX.Element {
  const state = useStore(connection);
  return (
    <span class={`connection ${state}`} role="status">
      {CONNECTIONS[state]}
    </span>
  );
}

function ThemeButton(): JSX.Element {
  const other = useStore(theme) === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      class="ghost"
      aria-label={`Make it ${other}`}
      title={`Make it ${other}`}
      onClick={toggleTheme}
    >
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </button>
  );
}

/** `/` goes to the filter of the panel that is open. */
function useShortcuts(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target))
        return;
      const filter = document.querySelector<HTMLElement>('[data-filter] input, input[data-filter]');
      if (!filter) return;
      event.preventDefault();
      filter.focus();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('input, textarea, select');
}

/** Who goes to another panel by keys, or hears the page, begins at its heading. */
function useTitle(title: string): void {
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} · Sotto console`;
    if (!isFirst.current) document.getElementById('content')?.focus({ preventScroll: true });
    if (!isFirst.current) scrollTo(0, 0);
    isFirst.current = false;
  }, [title]);
}
