// How figures, spans and moments are written. Every moment carries its time zone.

/** `7 s` is `0:07`, an hour and a bit is `1:02:03`. Negative spans are shown as zero. */
export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const seconds = String(total % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/** A share from 0 to 1; a dash where there is none yet. */
export function percent(share: number | null | undefined, digits = 0): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  return `${(share * 100).toFixed(digits)} %`;
}

/** Part of a whole, or nothing when the whole is zero. */
export function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

/** Seconds with one decimal: `3.4 s`; a dash where there is nothing to average. */
export function seconds(ms: number | null): string {
  return ms === null ? "–" : `${(ms / 1000).toFixed(1)} s`;
}

export function count(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}

/** Date, time and zone, in the browser's zone unless one is given. */
export function moment(at: number, language: string, zone?: string): string {
  return written(at, language, zone, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });
}

/** Time of day with seconds and zone. */
export function clock(at: number, language: string, zone?: string): string {
  return written(at, language, zone, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });
}

/** Weekday and time of day with zone: what a customer's clock shows. */
export function localTime(at: number, language: string, zone: string): string {
  return written(at, language, zone, {
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });
}

function written(at: number, language: string, zone: string | undefined, how: Intl.DateTimeFormatOptions): string {
  try {
    return new Intl.DateTimeFormat(language, { ...how, ...(zone ? { timeZone: zone } : {}) }).format(at);
  } catch {
    // A zone this browser does not know: UTC says so in the text.
    return new Intl.DateTimeFormat(language, { ...how, timeZone: "UTC" }).format(at);
  }
}

/** Country codes of one and of two digits (ITU-T E.164); all others have three. */
const SHORT_COUNTRY_CODE = /^(?:[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

/** `+86 138 0013 8000`: country code, then groups of four from the right. Masked numbers stay masked. */
export function phone(number: string | null | undefined): string {
  if (!number) return "–";
  if (!/^\+[\d*]+$/.test(number)) return number;
  const digits = number.slice(1);
  const code = SHORT_COUNTRY_CODE.exec(digits)?.[0] ?? digits.slice(0, 3);
  const groups: string[] = [];
  let rest = digits.slice(code.length);
  while (rest.length > 4) {
    groups.unshift(rest.slice(-4));
    rest = rest.slice(0, -4);
  }
  return [`+${code}`, rest, ...groups].join(" ");
}

/** Minutes since midnight as `09:30`; the end of a day is `24:00`. */
export function minuteOfDay(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}
