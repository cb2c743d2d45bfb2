import { LayerhookError } from '../../errors/index.js';
import type { Database } from '../metadata/database.js';
import type { ContentRecord, NameRecord } from '../metadata/record-types.js';
import { findContent, getName } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import type { Durability } from '../types.js';
import type { Directories } from './directories.js';
import type { Lease } from './lease.js';
import type { TreeWork } from './tree-work.js';

/** What every operation on a store is given. */
export interface Context {
  db: Database;
  directories: Directories;
  trees: TreeWork;
  client: string;
  durability: Durability;
  /** id of the boot that this is */
  boot: string;
  lease: Lease;
  /** options of every overlay */
  overlayFlags: string[];
  /** whether what is not trusted is not to be mounted */
  requireTrust: boolean;
}

/** @throws LayerhookError SNAPSHOT_NOT_FOUND */
export function requireName(reader: Reader, client: string, name: string): NameRecord {
  const record = getName(reader, client, name);
  if (record === undefined) throw new LayerhookError('SNAPSHOT_NOT_FOUND', { name });
  return record;
}

/** @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION */
export function requireCommitted(reader: Reader, client: string, name: string): void {
  if (requireName(reader, client, name).kind === 'committed') return;
  throw new LayerhookError('SNAPSHOT_PRECONDITION', { name, reason: 'it is no committed snapshot' });
}

/** A snapshot by its name. */
export interface Named extends NameRecord {
  name: string;
}

/** A snapshot and all below it, highest first. @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_BROKEN */
export function chainOf(reader: Reader, client: string, name: string): Named[] {
  const chain: Named[] = [];
  for (let at = name; at !== ''; ) {
    const record = chain.length === 0 ? requireName(reader, client, at) : getName(reader, client, at);
    if (record === undefined) {
      throw new LayerhookError('SNAPSHOT_BROKEN', { name: at, reason: 'the metadata does not have it' });
    }
    chain.push({ ...record, name: at });
    at = record.parent;
  }
  return chain;
}

/** Whether a committed content is whole: what was written under another boot is, once it was flushed. */
export function isTrusted({ boot, durability }: Context, content: ContentRecord): boolean {
  if (content.damaged !== undefined) return false;
  return durability === 'none' || content.flushed || content.boot === boot;
}

/** Whether a committed content is trusted, and there. */
export function isUsable(context: Context, reader: Reader, content: string): boolean {
  const record = findContent(reader, content);
  return record !== undefined && isTrusted(context, record) && context.directories.exists(content);
}

/** Labels as they are kept: containerd's metadata has none that are empty. */
export function keptLabels(labels: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}

/** @throws LayerhookError SNAPSHOT_ARGUMENT */
export function requireText(what: string, name: string): void {
  if (name === '') throw new LayerhookError('SNAPSHOT_ARGUMENT', { what, reason: 'it is empty' });
}
