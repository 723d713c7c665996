/** A text as one word for sh, quoted so that nothing in it means anything. */
export const sh = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
