import type { ErrorItem } from "./types";

/** An answer of the API that is not success (RFC 9457), or the lack of any answer (`status` 0). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: ErrorItem[];
  /** Seconds to wait before trying again, where the service said so. */
  readonly retryAfter: number | null;
  /** The whole body: some problems carry more, such as the next allowed time. */
  readonly body: Record<string, unknown>;

  constructor(status: number, body: Record<string, unknown>, retryAfter: number | null) {
    const detail = text(body["detail"]) ?? text(body["title"]) ?? "";
    super(detail || `HTTP ${status}`);
    this.name = "Problem";
    this.status = status;
    this.code = text(body["code"]) ?? (status === 0 ? "unreachable" : `http_${status}`);
    this.detail = detail;
    this.errors = Array.isArray(body["errors"]) ? (body["errors"] as ErrorItem[]) : [];
    this.retryAfter = retryAfter;
    this.body = body;
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, { detail: error instanceof Error ? error.message : String(error) }, null);
}

/** The problem that an unsuccessful response tells of; `body` is what was read of it. */
export function problemOf(response: Pick<Response, "status" | "headers">, body: unknown): Problem {
  const read = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : { detail: String(body ?? "").slice(0, 500) };
  const wait = Number(response.headers.get("retry-after"));
  return new Problem(response.status, read, Number.isFinite(wait) && wait > 0 ? wait : null);
}

/** The next allowed time that a refusal names: a field of it, or the moment within its sentence. */
export function nextAllowed(problem: Problem): number | null {
  for (const place of [problem.body, ...problem.errors] as Record<string, unknown>[]) {
    for (const name of ["next", "next_allowed", "expected"]) {
      const at = Number(place[name] ?? Number.NaN);
      if (Number.isFinite(at) && at > 0) return at;
    }
  }
  const told = /\b(\d{13})\b/.exec(problem.detail);
  return told ? Number(told[1]) : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
