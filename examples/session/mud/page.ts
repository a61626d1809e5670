/** The world in a browser. What others wrote goes into the page as text alone. */

import { SessionClient } from 'sotto/session';
import type { View } from './world.ts';

const LONGEST_LOG = 200;
const { url, serverKey } = (await (await fetch('server.json')).json()) as { url: string; serverKey: string };

const welcome = element('welcome', HTMLFormElement);
const prompt = element('prompt', HTMLFormElement);
const log = element('log', HTMLElement);
let client: SessionClient;
let name = '';
let exits: readonly string[] = [];

welcome.addEventListener('submit', (event) => {
  event.preventDefault();
  name = lineOf(welcome);
  enter().catch((error: Error) => {
    element('problem', HTMLElement).textContent = error.message;
  });
});

prompt.addEventListener('submit', (event) => {
  event.preventDefault();
  const line = lineOf(prompt).trim();
  prompt.reset();
  if (line !== '') void act(isCommand(line) ? line : `say ${line}`);
});

async function enter(): Promise<void> {
  client ??= await connect();
  await client.request('/enter', name);
  welcome.hidden = true;
  element('world', HTMLElement).hidden = false;
  prompt.querySelector('input')?.focus();
}

async function connect(): Promise<SessionClient> {
  const connected = await SessionClient.connect(url, { serverKey });
  return connected
    .on('/heard', ({ body }) => write('heard', String(body)))
    .on('/seen', ({ body }) => draw(body as View))
    .on('disconnected', () => setState('The world grows dim …'))
    .on('connected', ({ resumed }) => {
      setState('');
      if (!resumed) enter().catch((error: Error) => setState(error.message));
    });
}

async function act(line: string): Promise<void> {
  const answer = await client.request('/do', line).catch((error: Error) => error.message);
  // The place itself is drawn above.
  if (!/^(go|look)\b/.test(line)) write('done', String(answer));
}

function draw({ place, text, things, people, bag, ...view }: View): void {
  exits = view.exits;
  element('place', HTMLElement).textContent = place;
  element('text', HTMLElement).textContent = text;
  fill('exits', exits, (exit) => `go ${exit}`);
  fill('things', things, (thing) => `take ${thing}`);
  fill('bag', bag, (thing) => `drop ${thing}`);
  fill('people', people, null);
}

/** A row of names; what is done when one is pressed. */
function fill(id: string, names: readonly string[], lineFor: ((name: string) => string) | null): void {
  const row = element(id, HTMLElement);
  row.hidden = names.length === 0;
  const chips = names.map((name) => {
    const chip = document.createElement(lineFor ? 'button' : 'span');
    chip.textContent = name;
    if (lineFor) chip.addEventListener('click', () => void act(lineFor(name)));
    return chip;
  });
  row.querySelector('div')?.replaceChildren(...chips);
}

function write(kind: string, text: string): void {
  const line = document.createElement('p');
  line.className = kind;
  line.textContent = text;
  log.append(line);
  while (log.childElementCount > LONGEST_LOG) log.firstElementChild?.remove();
  line.scrollIntoView({ block: 'end' });
}

function setState(text: string): void {
  element('state', HTMLElement).textContent = text;
}

/** All else is said. */
function isCommand(line: string): boolean {
  return /^(look|go|say|take|drop|who|help)\b/i.test(line) || exits.includes(line.toLowerCase());
}

function lineOf(form: HTMLFormElement): string {
  return String(new FormData(form).get('line') ?? '');
}

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${id}.`);
  return found;
}
