import { unitOf } from '../errors/counted.js';

/** Formats `1234567` as `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Formats a count with its unit, a regular plural: `1 file`, `1,234 entries`. */
export function formatCounted(count: number, unit: string): string {
  return `${formatCount(count)} ${unitOf(count, unit)}`;
}
