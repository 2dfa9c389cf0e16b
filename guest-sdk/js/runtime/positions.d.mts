export interface PositionTable {
  /** Paths as they are shown. */
  readonly sources: readonly string[];
  /** Line by line, separated by `;`: groups of column, source, line and column, each the difference to the group before, in base 64 VLQ. */
  readonly lines: string;
}

export const DIGITS: string;
export function decode(text: string): number[];
export function originalPosition(
  table: PositionTable,
  line: number,
  column: number,
): { source: string; line: number; column: number } | undefined;
