/** The two pages that are there before the built one: the way in, and what to do where nothing was built. */

import type { Hono } from 'hono';

const ENTER = page(`
    <p id="said">Coming in …</p>
    <noscript>The console needs JavaScript.</noscript>
    <script type="module" src="/enter.js"></script>`);

/** The token stands behind the `#`, which only a script can read; it is taken out of the history at once. */
const ENTER_SCRIPT = `const token = location.hash.slice(1);
history.replaceState(null, '', '/enter');
addEventListener('hashchange', () => location.reload());
const say = (text) => { document.getElementById('said').textContent = text; };
try {
  const response = await fetch('/api/enter', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sotto-console': '1' },
    body: JSON.stringify({ token }),
  });
  // A link that was used once may be a tab of before, in a browser that is in.
  if (response.ok || (await fetch('/api/node')).ok) location.replace('/');
  else say((await response.json()).text);
} catch {
  say('The node does not answer; see whether it still runs.');
}
`;

/** The policy of the console allows no styles within a page. */
const STYLE = `body {
  max-width: 36rem;
  margin: 18vh auto 0;
  padding: 0 1.25rem;
  font: 1rem/1.6 system-ui, sans-serif;
}
`;

export const NOT_BUILT: string = page(`
    <h1>The console is not built</h1>
    <p>The node runs; only its page is missing here. In a checkout of Sotto, build it and load this page again:</p>
    <pre>npm run build</pre>`);

export function ownPages(app: Hono): void {
  app.get('/enter', (c) => c.html(ENTER));
  app.get('/enter.js', (c) =>
    c.body(ENTER_SCRIPT, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  );
  app.get('/enter.css', (c) => c.body(STYLE, 200, { 'content-type': 'text/css; charset=utf-8' }));
}

function page(content: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Sotto console</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/enter.css">
  </head>
  <body>${content}
  </body>
</html>
`;
}
