// Between moments and what a clock in some time zone shows, for fields of the kind `datetime-local`.

function offsetMs(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
    hourCycle: "h23",
  }).formatToParts(at);
  const read = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const shown = Date.UTC(read("year"), read("month") - 1, read("day"), read("hour"), read("minute"), read("second"));
  return shown - Math.floor(at / 1000) * 1000;
}

/**
 * The moment at which clocks in `zone` show `text` (`2026-11-22T15:30`); null if it is not such a text.
 * A time that a clock change skips is moved behind the gap; of a time that occurs twice the first is taken.
 */
export function fromZoned(text: string, zone: string): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})/.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute] = match.slice(1).map(Number) as [number, number, number, number, number];
  const wall = Date.UTC(year, month - 1, day, hour, minute);
  const day_ms = 86_400_000;
  const candidates = [wall - offsetMs(wall - day_ms, zone), wall - offsetMs(wall + day_ms, zone)];
  const exact = candidates.filter((at) => at + offsetMs(at, zone) === wall);
  return exact.length > 0 ? Math.min(...exact) : Math.max(...candidates);
}

/** What clocks in `zone` show at `at`, as a `datetime-local` field takes it. */
export function toZoned(at: number, zone: string): string {
  return new Date(at + offsetMs(at, zone)).toISOString().slice(0, 16);
}

/** Whether this browser knows the zone. */
export function knowsZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
