/** Addresses of HTTP that were asked: those that were named, and the usual ones where something listens. */

import { check } from '../../peers/doctor/finding.ts';
import { examined, fault, fixBy, type NodeDiagnosis, together } from './node-finding.ts';

export interface UrlFacts {
  readonly name: string;
  readonly url: string;
  /** Whether any answer will do, as of a page that asks who is there. */
  readonly takesRefusal: boolean;
  readonly answer: { readonly status: number; readonly body: string } | { readonly unreachable: string };
}

export function judgeUrls(urls: readonly UrlFacts[]): NodeDiagnosis {
  return together(urls.map(judgeUrl));
}

function judgeUrl({ name, url, takesRefusal, answer }: UrlFacts): NodeDiagnosis {
  if ('unreachable' in answer) {
    const what = `${url} does not answer: ${answer.unreachable}`;
    const fix = fixBy('Start what should answer there, or mend the address.', `curl -v ${url}`);
    return examined(check(name, false, 'no answer'), fault('url_unreachable', what, fix));
  }
  const { status, body } = answer;
  const isReady = status < (takesRefusal ? 500 : 400);
  const line = check(name, isReady, `${url} says ${status}`);
  if (isReady) return examined(line);
  const what = `${url} says ${status}${isShort(body) ? `: ${body.trim()}` : ''}.`;
  const fix = fixBy('It runs, and cannot work: what it names is away. Its log says more.', `curl ${url}`);
  return examined(line, fault('url_not_ready', what, fix));
}

/** A line of a program, and no page. */
function isShort(body: string): boolean {
  return /^[^\n<]+$/.test(body.trim());
}
