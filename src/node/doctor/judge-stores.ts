/** The SQLite files: whole, and of a version that can be read. */

import { check } from '../../peers/doctor/finding.ts';
import { examined, fault, fixBy, type NodeDiagnosis, together } from './node-finding.ts';
import { sizeText } from './size-text.ts';

export interface StoreFacts {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly outcome:
    | { readonly kind: 'whole'; readonly schema: number }
    | { readonly kind: 'corrupt'; readonly why: string }
    /** It would take too long. */
    | { readonly kind: 'not-looked' };
}

/** @param known the newest schema that this version reads. */
export function judgeStores(stores: readonly StoreFacts[], known: number): NodeDiagnosis {
  return together(stores.map((store) => judgeStore(store, known)));
}

function judgeStore({ path, size, outcome }: StoreFacts, known: number): NodeDiagnosis {
  const name = `store ${path}`;
  switch (outcome.kind) {
    case 'not-looked':
      return examined(check(name, null, `${sizeText(size)}: too long to be looked through now`));
    case 'corrupt':
      return examined(
        check(name, false, 'damaged'),
        fault(
          'store_corrupt',
          `${path} is damaged: ${outcome.why}`,
          fixBy(
            'Stop the node, and restore a backup; or save what can be read.',
            'sotto restore BACKUP',
            `sqlite3 ${path} .recover | sqlite3 ${path}.saved`,
          ),
        ),
      );
    case 'whole': {
      const line = check(name, outcome.schema <= known, `${sizeText(size)}, whole`);
      if (outcome.schema <= known) return examined(line);
      const what = `${path} was written by a newer version of Sotto (schema ${outcome.schema}; this one knows ${known}).`;
      return examined(
        line,
        fault('store_newer', what, fixBy('Install that version.', 'npm install --global sotto@latest')),
      );
    }
  }
}
