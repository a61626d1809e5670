/** Urls as logs and spans may show them: what is in one besides its place may be for its owner alone. */

/** Without user, password, query and fragment; empty for what is no url. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return '';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** A text in which every url is shown so: reasons of failures tend to name theirs. */
export function withUrlsShown(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)(\S*)/gi, (_url, scheme: string, rest: string) => {
    const place = rest.replace(/^[^/?#]*@/, '');
    // What ends the sentence is no part of the url.
    return scheme + place.replace(/[?#].*?(["'.,:;)\]]*)$/s, '$1');
  });
}
