/**
 * The demonstration of simple_client_server, with its flags: looks the first word of the query up in the first column.
 *
 *   node examples/lookup/demo.ts --server
 *   node examples/lookup/demo.ts --server-key sotto1… spinach
 */

import { runLookupMain } from 'sotto/lookup';

process.chdir(import.meta.dirname);

await runLookupMain(
  (text, data) => {
    const [word = ''] = text.trim().split(/\s+/);
    return data['demo-main.csv'].get(word) ?? ['Unknown'];
  },
  { 'demo-main.csv': 0 },
);
