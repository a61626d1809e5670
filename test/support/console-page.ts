/** The console's page in a real browser, as whoever runs a node uses it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { buildConsole } from '../../scripts/build-console.js';
import type { PartialNodeConfig } from '../../src/node/config.ts';
import { demoApp } from '../../src/node/demo.ts';
import type { Node } from '../../src/node/node.ts';
import { serve } from '../../src/node/serve.ts';
import { CONSOLE, consoleOf } from './console.ts';

/** For whatever is waited for, ms. */
const DEADLINE = 15_000;
/** What was asked wrongly, on purpose; the page says it to whoever asked. */
const REFUSED = /a status of 4\d\d .*\/api\/(try|config|sessions\/.*\/push)$/;

/** A folder with the page as it is built now, and rooms for nodes; gone at the end. */
export class Workshop implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'sotto-page-'));
  readonly page: string;

  static async open(): Promise<Workshop> {
    const workshop = new Workshop();
    await buildConsole(workshop.folder);
    return workshop;
  }

  /** @param page the folder of one that is built already. */
  constructor(page?: string) {
    this.page = page ?? join(this.folder, 'dist', 'console', 'page');
  }

  /** A node of the demo app that listens wherever there is room, and finds others of this machine. */
  async start(user: string, udpPort: number, config: PartialNodeConfig = {}): Promise<Node> {
    const node: Node = await serve(
      demoApp(() => node.running.lookup),
      { ...everythingOf(user, join(this.folder, user), udpPort), ...config },
      { configFile: join(this.folder, `${user}.config.json`), consolePage: this.page },
    );
    return node;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** Every job, at any free port. */
export function everythingOf(user: string, data: string, udpPort: number): PartialNodeConfig {
  return {
    data,
    request: { listen: ['udp://127.0.0.1:0', 'http://127.0.0.1:0'] },
    lookup: { port: 0 },
    broadcaster: { listen: 'http://127.0.0.1:0' },
    sessions: { listen: ['ws://127.0.0.1:0'] },
    peers: { user, hostname: 'test', interfaces: ['127.0.0.1'], udpPort, tcpPort: 0 },
    console: CONSOLE,
  };
}

/** A page of a console, let in by a link; whatever it complains of, or asks of others, is noted. */
export class Tab implements AsyncDisposable {
  readonly page: Page;
  readonly complaints: string[] = [];
  readonly #home: string;

  static async open(browser: Browser, node: Node, options: BrowserContextOptions = {}): Promise<Tab> {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(DEADLINE);
    const console = consoleOf(node);
    const tab = new Tab(await context.newPage(), console.address);
    await tab.page.goto(console.link());
    await tab.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    return tab;
  }

  private constructor(page: Page, home: string) {
    this.page = page;
    this.#home = home;
    page.on('pageerror', (error) => this.complaints.push(String(error.stack)));
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      const complaint = `${message.text()} ${message.location().url}`;
      if (!REFUSED.test(complaint)) this.complaints.push(complaint);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(this.#home)) this.complaints.push(`asks of ${request.url()}`);
    });
  }

  /** A panel, once its heading is there. */
  async go(path: string, heading: string): Promise<Page> {
    await this.page.evaluate(`location.hash = '#/${path}'`);
    await this.page.getByRole('heading', { level: 1, name: heading }).waitFor();
    return this.page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}
