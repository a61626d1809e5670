/**
 * What a webhook is asked before its messages come over a connection: GET its url with
 * `?sotto.connection=…&sotto.challenge=…`. Who has asked for that connection gives the challenge back.
 */

interface ServeQuestion {
  /** The url that stands for the connection; see connection-urls.ts. */
  readonly connection: string;
  readonly challenge: string;
}

const [CONNECTION, CHALLENGE] = ['sotto.connection', 'sotto.challenge'];
const CHALLENGE_FORM = /^[0-9a-f]{32}$/;

/** @throws TypeError for a url that is none. */
export function serveUrl(url: string, connection: string, challenge: string): string {
  const asked = new URL(url);
  asked.searchParams.set(CONNECTION, connection);
  asked.searchParams.set(CHALLENGE, challenge);
  return asked.href;
}

/** Null for a query that asks nothing of the kind. */
export function serveQuestionIn(query: string): ServeQuestion | null {
  const asked = new URLSearchParams(query);
  const [connection, challenge] = [asked.get(CONNECTION), asked.get(CHALLENGE)];
  return connection !== null && challenge !== null && CHALLENGE_FORM.test(challenge)
    ? { connection, challenge }
    : null;
}
