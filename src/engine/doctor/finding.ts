/** One thing that doctor looked at. */
export interface DoctorFinding {
  /** what was looked at: `overlayfs`, `libisal2` */
  name: string;
  /** `missing` costs a feature, `slow` costs time, `broken` must be mended */
  state: 'ok' | 'slow' | 'missing' | 'broken';
  /** what was found: a version, a path, or the reason */
  found: string;
  /** what the state costs; missing for `ok` */
  cost?: string;
  /** how to change that; missing for `ok` */
  remedy?: string;
}

/** A finding that is not `ok`, with what it costs. */
export function lacking(
  state: Exclude<DoctorFinding['state'], 'ok'>,
  name: string,
  found: string,
  [cost, remedy]: readonly [cost: string, remedy: string],
): DoctorFinding {
  return { name, state, found, cost, remedy };
}

export function fine(name: string, found: string): DoctorFinding {
  return { name, state: 'ok', found };
}
