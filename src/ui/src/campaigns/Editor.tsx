import { useImperativeHandle, useRef, type Ref } from "react";
import type { ErrorItem } from "../api/types";

export interface EditorHandle {
  /** Puts the cursor at a place, lines and columns counted from 1. */
  goTo: (line: number, column: number) => void;
}

interface Props {
  value: string;
  onChange: (value: string) => void;
  errors: ErrorItem[];
  label: string;
  ref?: Ref<EditorHandle>;
}

const LINE_HEIGHT = 20;

/** A text area with line numbers; lines with errors are marked. */
export function Editor({ value, onChange, errors, label, ref }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const lines = useRef<HTMLDivElement>(null);
  const wrong = new Map(errors.filter((item) => item.line != null).map((item) => [item.line, item.detail]));
  const total = value.split("\n").length;

  useImperativeHandle(ref, () => ({
    goTo: (line, column) => {
      const element = area.current;
      if (!element) return;
      const at = offsetOf(element.value, line, column);
      element.focus();
      element.setSelectionRange(at, at + 1);
      element.scrollTop = Math.max(0, (line - 6) * LINE_HEIGHT);
    },
  }));

  return (
    <div className="editor" style={{ height: 460 }}>
      <div className="editor-lines" ref={lines} aria-hidden="true">
        {Array.from({ length: total }, (_, index) => {
          const detail = wrong.get(index + 1);
          return (
            <div key={index} data-wrong={detail ? true : undefined} title={detail}>
              {index + 1}
            </div>
          );
        })}
      </div>
      <textarea
        ref={area}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        onScroll={(event) => {
          if (lines.current) lines.current.scrollTop = event.currentTarget.scrollTop;
        }}
        aria-label={label}
        aria-invalid={errors.length > 0}
        spellCheck={false}
        autoCapitalize="none"
        data-testid="campaign-text"
      />
    </div>
  );
}

/** Offset of a line and a column in characters, not in UTF-16 units: as the service counts them. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const inLine = [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
  return Math.min(text.length, before + inLine);
}
