// The script with its fields filled in from the lead.

export interface Piece {
  text: string;
  /** `plain` text, a field that was `filled`, or a field for which the lead has nothing. */
  kind: "plain" | "filled" | "missing";
}

/** Replaces `{name}` and the list's extra columns. A field without a value stays visible as such. */
export function fillScript(text: string, fields: Record<string, string>): Piece[] {
  const pieces: Piece[] = [];
  let last = 0;
  for (const match of text.matchAll(/\{([^{}\n]+)\}/g)) {
    if (match.index > last) pieces.push({ text: text.slice(last, match.index), kind: "plain" });
    const field = (match[1] ?? "").trim();
    const value = fields[field];
    pieces.push(value ? { text: value, kind: "filled" } : { text: field, kind: "missing" });
    last = match.index + match[0].length;
  }
  if (last < text.length) pieces.push({ text: text.slice(last), kind: "plain" });
  return pieces;
}
