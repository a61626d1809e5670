/** @returns what the docstring of a declaration says: its text, and by tag. */
export function readDocstring(node) {
  const comment = node?.jsDoc?.at(-1);
  const tags = comment?.tags ?? [];
  const source = comment?.getSourceFile().text;
  const ends = [...tags.map((tag) => tag.getStart()), comment ? comment.getEnd() - '*/'.length : 0];
  const cut = (start, end) => undecorated(source.slice(start, end));
  const said = tags.map((tag, index) => ({
    name: tag.tagName.text,
    text: cut(tag.tagName.getEnd(), ends[index + 1]),
  }));
  const by = (name) => said.filter((tag) => tag.name === name).map(({ text }) => text);
  return {
    text: comment ? cut(comment.getStart() + '/**'.length, ends[0]) : '',
    parameters: by('param').map((text) => {
      const [, name = '', about = ''] = text.match(/^(\S+)\s*([\s\S]*)$/) ?? [];
      return { name, about };
    }),
    returns: by('returns').at(0) ?? '',
    throws: by('throws'),
    examples: by('example'),
    isInternal: by('internal').length > 0,
  };
}

/** A piece of a comment without the asterisks at the margin. */
function undecorated(text) {
  return text.replaceAll(/^[ \t]*\*(?: |$)/gm, '').trim();
}
