/** Who runs this process. */

import { userInfo } from 'node:os';

/** A process may run as somebody who has no name. */
export function loginName(): string {
  try {
    return userInfo().username || 'sotto';
  } catch {
    return process.env.USER || 'sotto';
  }
}
