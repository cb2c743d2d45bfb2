/** Limits for an image, as the CI mode of dive has them. An image may reach a limit. */
export interface InspectRules {
  /** from 0 to 1 */
  lowestEfficiency?: number | undefined;
  /** bytes */
  highestWastedBytes?: number | undefined;
  /** from 0 to 1 */
  highestWastedPercent?: number | undefined;
}

export interface FailedRule {
  rule: keyof InspectRules;
  value: number;
  limit: number;
}

/** The figures of an image that rules limit. */
export interface Judged {
  efficiency: number;
  wastedBytes: number;
  wastedPercent: number;
}

/** Returns the rules that an image breaks. */
export function failedRules(image: Judged, rules: InspectRules): FailedRule[] {
  const { lowestEfficiency, highestWastedBytes, highestWastedPercent } = rules;
  const failed: FailedRule[] = [];
  const check = (rule: keyof InspectRules, value: number, limit: number | undefined, sign: 1 | -1) => {
    if (limit !== undefined && value * sign > limit * sign) failed.push({ rule, value, limit });
  };
  check('lowestEfficiency', image.efficiency, lowestEfficiency, -1);
  check('highestWastedBytes', image.wastedBytes, highestWastedBytes, 1);
  check('highestWastedPercent', image.wastedPercent, highestWastedPercent, 1);
  return failed;
}
